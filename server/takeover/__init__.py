"""The `import-s3` command: takeover of lectures and viewers' positions from S3."""
