"""Endpoints of lessons that are kept offline."""
