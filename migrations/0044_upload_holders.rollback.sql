-- The versions before know one file for each upload.
UPDATE uploads SET ended_at = now(), claims = claims + 1
WHERE cardinality(file_starts) > 1 AND ended_at IS NULL AND video_id IS NULL;
ALTER TABLE uploads DROP COLUMN holder, DROP COLUMN file_starts, DROP COLUMN completing_at;
