-- Uploads that can be resumed, and for a while those that have ended.
-- depends: 0009_enrollments_kept

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    course_id text NOT NULL,
    module_id text NOT NULL,
    title text NOT NULL,
    filename text NOT NULL,
    metadata text NOT NULL,  -- all that the client said of it, to be told again
    length_bytes bigint NOT NULL CHECK (length_bytes > 0),
    -- At most what is on the disk for sure; all of it only once it is a video.
    offset_bytes bigint NOT NULL DEFAULT 0 CHECK (offset_bytes BETWEEN 0 AND length_bytes),
    claims bigint NOT NULL DEFAULT 0,  -- who wrote on an earlier claim stops
    video_id uuid,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,  -- terminated, refused or expired
    CHECK ((video_id IS NULL) = (offset_bytes < length_bytes))
);
CREATE INDEX uploads_running ON uploads (expires_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_ended ON uploads (ended_at) WHERE ended_at IS NOT NULL;
