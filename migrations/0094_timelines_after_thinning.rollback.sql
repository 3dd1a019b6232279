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
