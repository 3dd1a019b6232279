-- The content that each module was taken over from: the ledger of objects follows S3 and forgets
-- earlier content.
-- depends: 0020_s3_imports

ALTER TABLE s3_modules ADD etag text, ADD size_bytes bigint, ADD sha256 text;

-- A processed video has the hash of its original.
UPDATE s3_modules m
SET etag = o.etag, size_bytes = o.size_bytes, sha256 = coalesce(v.original_sha256, o.sha256)
FROM s3_objects o, s3_modules t LEFT JOIN videos v ON v.id = t.video_id
WHERE t.module_id = m.module_id AND o.id = m.object_id;
