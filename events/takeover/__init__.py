"""Takeover from S3: lectures, references and viewers' positions."""
