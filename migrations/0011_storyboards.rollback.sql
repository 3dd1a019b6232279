CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos WHERE status <> 'ready'), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0) AS used_bytes;
DROP TABLE unmakable;
DROP TABLE storyboard_files;
