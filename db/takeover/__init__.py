"""Rows of the takeover from S3: objects, references, viewers' places."""
