CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos WHERE status <> 'ready'), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0) AS used_bytes;

-- The earlier schema takes each module in the ledger to have its file here.
DELETE FROM s3_modules WHERE taken_at IS NULL;
DROP INDEX s3_modules_of_video;
ALTER TABLE s3_modules
    DROP is_local,
    ALTER taken_at SET NOT NULL;
ALTER TABLE s3_objects DROP endpoint_url, DROP region;

-- An announced video stays for the progress of its viewers.
ALTER TABLE videos DROP CONSTRAINT videos_probed_check;
UPDATE videos SET status = 'failed', failure_code = 'internal',
    failure_detail = 'The video was not taken over from S3.', original_size_bytes = 0,
    duration_s = 0, width = 0, height = 0, container = 'mp4', video_codec = '',
    mime_type = 'video/mp4', is_playable = false
WHERE status = 'announced';
ALTER TABLE videos
    DROP CONSTRAINT videos_status_check,
    ADD CONSTRAINT videos_status_check CHECK (status IN ('processing', 'ready', 'failed')),
    ALTER duration_s SET NOT NULL,
    ALTER width SET NOT NULL,
    ALTER height SET NOT NULL,
    ALTER container SET NOT NULL,
    ALTER video_codec SET NOT NULL,
    ALTER mime_type SET NOT NULL,
    ALTER is_playable SET NOT NULL;
