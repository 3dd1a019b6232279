"""`import-s3`: leaving S3, at the command line."""
