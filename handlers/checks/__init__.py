"""Checks that come before the work of an endpoint: who may, how often, and whose storage it is."""
