-- What sessions have measured as a JSON array in text, which PostgreSQL stores without reading it: each
-- report rewrites it, and jsonb with names took a tenth of the time of a report. Nothing is converted:
-- a session keeps the old form until its next report. Servers of the version before read `measures`
-- alone, and so it is written until a rolling upgrade has long ended.
-- depends: 0064_quality 0050_viewing

ALTER TABLE playback_sessions ADD COLUMN sums text;  -- where it is set, `measures` is null
ALTER TABLE viewing_upkeep ADD COLUMN sums_from timestamptz NOT NULL DEFAULT now() + interval '25 hours';
UPDATE viewing_upkeep SET sums_from = now() WHERE NOT EXISTS (SELECT FROM playback_sessions);

CREATE FUNCTION named_measures(sums text) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT jsonb_object_agg(names[place], value)
    FROM jsonb_array_elements(sums::jsonb) WITH ORDINALITY AS one (value, place),
        (SELECT ARRAY['device', 'browser', 'network', 'startup_ms', 'has_error', 'has_played',
            'stalls', 'stalled_ms', 'played_ms', 'dropped_frames', 'bitrate_ms', 'bits',
            'height_ms', 'height_lines', 'last_stalls', 'last_stalled_ms', 'last_dropped_frames',
            'moments'] AS names) AS fields
$$;

-- Sessions as a person reads their own.
CREATE VIEW playback_sessions_named AS
SELECT user_id, video_id, session_id, last_sequence, state, position_s, rate, quality, started_at,
    last_report_at, stopped_at, claims_since, claims_until, allowed_s, counted_s,
    coalesce(measures, named_measures(sums)) AS measures
FROM playback_sessions;
