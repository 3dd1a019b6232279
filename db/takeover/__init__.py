"""What is taken over from S3, as rows."""
