-- Sessions of players that tell of themselves with their media requests (CMCD).
-- depends: 0064_quality

CREATE TABLE cmcd_sessions (
    user_id text NOT NULL,
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    session_id text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    measures jsonb,
    PRIMARY KEY (user_id, video_id, session_id)
) WITH (fillfactor = 80);
CREATE INDEX cmcd_sessions_of_video ON cmcd_sessions (video_id, started_at);
CREATE INDEX cmcd_sessions_by_start ON cmcd_sessions (started_at);
