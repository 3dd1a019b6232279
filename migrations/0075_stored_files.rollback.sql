CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos
                 WHERE status NOT IN ('ready', 'announced')), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_pieces), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_files), 0)
     + coalesce((SELECT sum(original_size_bytes + coalesce(size_bytes, 0)) FROM replacements
                 WHERE failure_code IS NULL), 0)
     + coalesce((SELECT sum(size_bytes) FROM replaced_files), 0) AS used_bytes;

DROP VIEW stored_files;
