-- How many seconds each playback session may count as watched, and has counted; what was claimed
-- beyond; and when clients named sessions whose ids do not say it themselves.
-- depends: 0030_source_format

-- Without values in sessions of older versions: they are counted from their `started_at`.
ALTER TABLE playback_sessions
    ADD COLUMN claims_since timestamptz,
    ADD COLUMN claims_until timestamptz,
    ADD COLUMN allowed_s double precision,
    ADD COLUMN counted_s double precision;

ALTER TABLE progress ADD COLUMN capped nummultirange NOT NULL DEFAULT '{}';

CREATE TABLE playback_session_names (
    user_id text NOT NULL,
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    session_id text NOT NULL,
    named_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, video_id, session_id)
);
CREATE INDEX playback_session_names_of_video ON playback_session_names (video_id);
CREATE INDEX playback_session_names_by_age ON playback_session_names (named_at);
