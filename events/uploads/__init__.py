"""Uploads: appended to, held by one request at a time, published as videos, swept."""
