-- Timelines that PostgreSQL has been on: a new one begins with each fail-over, and with each
-- recovery of a backup to a point in time.
-- depends: 0044_upload_holders

CREATE TABLE database_timelines (
    timeline integer PRIMARY KEY,
    last_id bigint NOT NULL,  -- the newest event that it began with
    first_id bigint NOT NULL,  -- from which its own ids go up; those between them may have been lost
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- NULL on a standby. An ordinary role may call both functions; `pg_control_checkpoint` tells the
-- timeline of the last checkpoint, which after a promotion is the old one for minutes.
CREATE FUNCTION current_timeline() RETURNS integer LANGUAGE sql AS $$
    SELECT CASE WHEN NOT pg_is_in_recovery()
        THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END
$$;

-- Records a new timeline, and moves the ids of events past all that were given before: those of
-- lost commits never return. By time, for two servers that were promoted from the same past.
CREATE FUNCTION follow_timeline() RETURNS database_timelines LANGUAGE plpgsql AS $$
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

INSERT INTO database_timelines (timeline, last_id, first_id) VALUES (current_timeline(), 0, 0);
