-- Back into partitions of their hours; where late events lie outside of these, beside them.
DO $$
DECLARE
    packed_hour timestamptz;
BEGIN
    FOR packed_hour IN SELECT DISTINCT hour FROM event_log_packed LOOP
        BEGIN
            PERFORM event_log_add_hours(packed_hour, 1);
        EXCEPTION WHEN check_violation THEN
        END;
    END LOOP;
END $$;

INSERT INTO event_log (id, recorded_at, occurred_at, type, video_id, course_id, user_id, payload)
SELECT id, recorded_at, occurred_at, type, video_id, course_id, user_id, payload
FROM event_log_unpacked;

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
        (SELECT greatest(dropped_id, (SELECT max(id) FROM event_log)) FROM event_log_retention),
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

DROP VIEW event_log_unpacked;
DROP TABLE event_log_packed;
DROP TYPE packed_event;
ALTER TABLE event_log_retention DROP COLUMN packed_id, DROP COLUMN pack_from;
