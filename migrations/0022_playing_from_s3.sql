-- A lecture plays from S3 until it plays from here: videos announced before their files arrive, the
-- location of their objects, and the active source of each module.
-- depends: 0011_storyboards 0020_s3_imports

-- The facts of an announced video are unknown.
ALTER TABLE videos
    DROP CONSTRAINT videos_status_check,
    ADD CONSTRAINT videos_status_check
        CHECK (status IN ('announced', 'processing', 'ready', 'failed')),
    ALTER duration_s DROP NOT NULL,
    ALTER width DROP NOT NULL,
    ALTER height DROP NOT NULL,
    ALTER container DROP NOT NULL,
    ALTER video_codec DROP NOT NULL,
    ALTER mime_type DROP NOT NULL,
    ALTER is_playable DROP NOT NULL,
    ADD CONSTRAINT videos_probed_check CHECK (
        status = 'announced' OR num_nulls(
            duration_s, width, height, container, video_codec, mime_type, is_playable) = 0
    );

-- Endpoint and region for the server: NULL for the client library's defaults.
ALTER TABLE s3_objects ADD endpoint_url text, ADD region text;

-- The old reference stands beside the new one; `is_local` selects the active source.
-- `taken_at` is NULL until the file is here.
ALTER TABLE s3_modules
    ALTER taken_at DROP NOT NULL,
    ADD is_local boolean NOT NULL DEFAULT true,
    ADD CHECK (taken_at IS NOT NULL OR NOT is_local);
CREATE INDEX s3_modules_of_video ON s3_modules (video_id);

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos
                 WHERE status NOT IN ('ready', 'announced')), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0) AS used_bytes;
