CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos
                 WHERE status NOT IN ('ready', 'announced')), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_pieces), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_files), 0) AS used_bytes;
DROP TABLE replaced_files;
DROP TABLE replacements;
ALTER TABLE videos DROP COLUMN has_own_picture;
-- The versions before know no upload that replaces: it would become a video of its own.
UPDATE uploads SET ended_at = now(), claims = claims + 1
WHERE replaces IS NOT NULL AND ended_at IS NULL AND video_id IS NULL;
ALTER TABLE uploads DROP COLUMN replaces;
