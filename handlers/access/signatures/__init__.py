"""Signatures that this service makes: for edges and CDNs, and under documents that others keep."""
