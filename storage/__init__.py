"""Bytes on disk and media; knows no HTTP, no SQL, no events."""
