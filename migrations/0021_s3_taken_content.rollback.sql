ALTER TABLE s3_modules DROP etag, DROP size_bytes, DROP sha256;
