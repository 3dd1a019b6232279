"""The embedded PostgreSQL of `serve`."""
