-- Each file that the quota counts, in one list: summed up as a whole, and by course.
-- depends: 0048_replacements 0074_failed

CREATE VIEW stored_files AS
SELECT id AS video_id, original_size_bytes AS size_bytes FROM videos
WHERE status NOT IN ('ready', 'announced')
UNION ALL SELECT video_id, size_bytes FROM representations
UNION ALL SELECT video_id, size_bytes FROM thumbnails
UNION ALL SELECT video_id, size_bytes FROM storyboard_files
UNION ALL SELECT video_id, size_bytes FROM ladder_pieces
UNION ALL SELECT video_id, size_bytes FROM ladder_files
UNION ALL SELECT video_id, original_size_bytes + coalesce(size_bytes, 0) FROM replacements
    WHERE failure_code IS NULL
UNION ALL SELECT video_id, size_bytes FROM replaced_files;

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce(sum(size_bytes), 0) AS used_bytes FROM stored_files;
