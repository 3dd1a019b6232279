"""Containers, codecs and conversions: synchronous, run in the sandbox."""
