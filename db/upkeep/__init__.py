"""Queries of reconciling, the trash, and the storage's identity."""
