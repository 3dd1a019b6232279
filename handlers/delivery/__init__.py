"""Delivery of the bytes of a representation to a client."""
