-- Position and watched intervals of each user in each video, and the reporting sessions.
-- depends: 0003_event_log

-- Seconds, rounded to 10 ms; gaps up to 0.25 s are closed; of more than 2,000 pieces the longest
-- are kept, or one user could store megabytes of slivers. Pieces are widened by half the gap to
-- both sides, united, and narrowed again.
CREATE FUNCTION watched_union(seen nummultirange, added nummultirange) RETURNS nummultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((
        SELECT range_agg(numrange(start, stop)) FROM (
            SELECT round(lower(closed) + 0.125, 2) AS start, round(upper(closed) - 0.125, 2) AS stop
            FROM unnest((
                SELECT range_agg(numrange(
                    round(lower(piece), 2) - 0.125, round(upper(piece), 2) + 0.125, '[]'
                )) FROM unnest(seen + added) AS piece
                WHERE round(lower(piece), 2) < round(upper(piece), 2)
            )) AS closed
            ORDER BY upper(closed) - lower(closed) DESC LIMIT 2000
        ) AS longest
    ), '{}'::nummultirange)
$$;

CREATE FUNCTION watched_length(seen nummultirange) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT sum(upper(piece) - lower(piece)) FROM unnest(seen) AS piece), 0)
$$;

-- Every report updates a row, and no column that an index holds: room for heap-only updates.
CREATE TABLE progress (
    user_id text NOT NULL,
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    course_id text NOT NULL,
    position_s double precision NOT NULL DEFAULT 0,
    position_at timestamptz, -- when the position was true, by the server's clock
    position_session_id text,
    watched nummultirange NOT NULL DEFAULT '{}',
    watched_s double precision NOT NULL DEFAULT 0,
    watched_ratio double precision NOT NULL DEFAULT 0,
    completed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, video_id)
) WITH (fillfactor = 80);
CREATE INDEX progress_of_video ON progress (video_id);
CREATE INDEX progress_of_course ON progress (course_id, created_at, video_id, user_id);

CREATE TABLE playback_sessions (
    user_id text NOT NULL,
    video_id uuid NOT NULL,
    session_id text NOT NULL,
    last_sequence bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('playing', 'paused', 'stopped')),
    position_s double precision NOT NULL,
    rate double precision,
    quality jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    last_report_at timestamptz NOT NULL,
    stopped_at timestamptz,
    PRIMARY KEY (user_id, video_id, session_id),
    FOREIGN KEY (user_id, video_id) REFERENCES progress (user_id, video_id) ON DELETE CASCADE
) WITH (fillfactor = 80);
-- Without `last_report_at`, which every report changes.
CREATE INDEX playback_sessions_open ON playback_sessions (user_id, video_id, session_id)
    WHERE state <> 'stopped';
