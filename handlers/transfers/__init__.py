"""Transfers of bytes to clients: those that run, what they sent, and how it went."""
