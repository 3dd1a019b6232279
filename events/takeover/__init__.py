"""Leaving S3: lectures, references and viewers' places taken over."""
