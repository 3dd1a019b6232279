-- Progress of past hours, packed: a row for many reports of one viewer with one video. Servers of the
-- version before read `event_log` alone: packing begins when a rolling upgrade has long ended.
-- depends: 0092_hours_of_progress 0093_moments_apart

CREATE TYPE packed_event AS (
    id bigint,
    recorded_at timestamptz,
    occurred_at timestamptz,
    payload jsonb
);

CREATE TABLE event_log_packed (
    hour timestamptz NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    video_id uuid,
    course_id text NOT NULL,
    user_id text NOT NULL,
    events packed_event[] NOT NULL  -- in the order of their ids
) PARTITION BY RANGE (hour);
CREATE INDEX event_log_packed_in_order ON event_log_packed (last_id);
CREATE INDEX event_log_packed_of_user ON event_log_packed (user_id, last_id);
CREATE INDEX event_log_packed_of_course ON event_log_packed (course_id, last_id);
CREATE INDEX event_log_packed_of_video ON event_log_packed (video_id, last_id);

-- As they were in `event_log`, with the first and last id of the row that holds them.
CREATE VIEW event_log_unpacked AS
SELECT e.id, e.recorded_at, e.occurred_at, 'playback.progress'::text AS type, p.video_id,
    p.course_id, p.user_id, e.payload, p.first_id, p.last_id
FROM event_log_packed p, unnest(p.events) AS e;

-- Up to `packed_id` progress may be packed.
ALTER TABLE event_log_retention
    ADD COLUMN packed_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN pack_from timestamptz NOT NULL DEFAULT now() + interval '25 hours';

-- The newest event that a timeline began with may be progress that has gone from the log since, or is
-- packed: its id is not lost, and streams and servers that had it go on from there.
CREATE OR REPLACE FUNCTION follow_timeline() RETURNS database_timelines LANGUAGE plpgsql AS $$
DECLARE
    here integer := current_timeline();
    newest database_timelines;
BEGIN
    SELECT * INTO newest FROM database_timelines ORDER BY first_id DESC, begun_at DESC LIMIT 1;
    IF newest.timeline = here OR here IS NULL THEN
        RETURN newest;
    END IF;
    PERFORM pg_advisory_xact_lock(25459, 1);
    INSERT INTO database_timelines (timeline, last_id, first_id) VALUES (
        here,
        (SELECT greatest(dropped_id, thinned_id, packed_id, (SELECT max(id) FROM event_log))
            FROM event_log_retention),
        greatest(
            nextval('event_log_ids') + 1000000000,
            trunc(extract(epoch FROM clock_timestamp()))::bigint * 1000000
        )
    ) ON CONFLICT DO NOTHING
    RETURNING * INTO newest;
    IF FOUND THEN
        PERFORM setval('event_log_ids', newest.first_id, false);
    ELSE
        SELECT * INTO newest FROM database_timelines WHERE timeline = here;
    END IF;
    RETURN newest;
END $$;
