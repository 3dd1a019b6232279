-- Moments of playback sessions: what their players said, and what the server saw of their viewers.
-- depends: 0065_cmcd_sessions

CREATE TABLE session_moments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    session_id text NOT NULL,  -- empty: seen by the server, whatever the session was
    at timestamptz NOT NULL,
    kind text NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX session_moments_of_viewer ON session_moments (user_id, video_id, at);
CREATE INDEX session_moments_of_video ON session_moments (video_id);
CREATE INDEX session_moments_by_time ON session_moments (at);
CREATE INDEX session_moments_of_stalls ON session_moments (id) WHERE kind = 'stalled';
