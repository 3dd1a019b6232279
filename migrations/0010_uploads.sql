-- Resumable uploads, kept for a while after their end.
-- depends: 0009_enrollments_kept

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    course_id text NOT NULL,
    module_id text NOT NULL,
    title text NOT NULL,
    filename text NOT NULL,
    metadata text NOT NULL,  -- Upload-Metadata as sent, to be returned by HEAD
    length_bytes bigint NOT NULL CHECK (length_bytes > 0),
    -- At most the bytes durable on disk; equal to the length only once it is a video.
    offset_bytes bigint NOT NULL DEFAULT 0 CHECK (offset_bytes BETWEEN 0 AND length_bytes),
    claims bigint NOT NULL DEFAULT 0,  -- writers with an earlier claim stop
    video_id uuid,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,  -- terminated, refused or expired
    CHECK ((video_id IS NULL) = (offset_bytes < length_bytes))
);
CREATE INDEX uploads_running ON uploads (expires_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_ended ON uploads (ended_at) WHERE ended_at IS NOT NULL;
