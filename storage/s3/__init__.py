"""Objects in S3, or in anything that speaks its protocol."""
