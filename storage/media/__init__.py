"""Codecs, streams and facts of media files: synchronous, run in the sandbox."""
