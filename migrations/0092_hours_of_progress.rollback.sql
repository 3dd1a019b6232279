-- What was recorded since is copied into days of both kinds of events.
DO $$
DECLARE
    part regclass;
    day date;
BEGIN
    LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE event_log RENAME TO event_log_after;

    CREATE TABLE event_log (
        id bigint NOT NULL DEFAULT nextval('event_log_ids'),
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        type text NOT NULL,
        video_id uuid,
        course_id text NOT NULL,
        user_id text NOT NULL,
        occurred_at timestamptz NOT NULL,
        payload jsonb NOT NULL,
        CONSTRAINT event_log_pkey PRIMARY KEY (id, recorded_at)
    ) PARTITION BY RANGE (recorded_at);
    ALTER SEQUENCE event_log_ids OWNED BY event_log.id;

    FOR part IN SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent = 'event_log_after'::regclass
            AND inhrelid::regclass::text ~ '^event_log_[0-9]{8}$'
    LOOP
        day := to_date(right(part::text, 8), 'YYYYMMDD');
        EXECUTE format('ALTER TABLE event_log_after DETACH PARTITION %s', part);
        EXECUTE format(
            'ALTER TABLE event_log ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
            part, day || ' 00:00:00+00', day + 1 || ' 00:00:00+00');
    END LOOP;
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent = 'event_log_others'::regclass
            AND inhrelid::regclass::text ~ '^event_log_[0-9]{8}$'
    LOOP
        day := to_date(right(part::text, 8), 'YYYYMMDD');
        EXECUTE format('ALTER TABLE %s RENAME TO %I', part, part || '_after');
        EXECUTE format(
            'CREATE TABLE event_log_%s PARTITION OF event_log FOR VALUES FROM (%L) TO (%L)',
            to_char(day, 'YYYYMMDD'), day || ' 00:00:00+00', day + 1 || ' 00:00:00+00');
    END LOOP;
    ALTER TABLE event_log_default RENAME TO event_log_default_after;
    CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;

    INSERT INTO event_log
        (id, recorded_at, type, video_id, course_id, user_id, occurred_at, payload)
    SELECT id, recorded_at, type, video_id, course_id, user_id, occurred_at, payload
    FROM event_log_after ORDER BY id;
    DROP TABLE event_log_after;

    CREATE INDEX event_log_of_user ON event_log (user_id, id);
    CREATE INDEX event_log_of_course ON event_log (course_id, id);
    CREATE INDEX event_log_of_video ON event_log (video_id, id);
    CREATE INDEX event_log_for_students ON event_log (course_id, id)
        WHERE type IN ('video.ready', 'video.updated', 'video.deleted');
    CREATE INDEX event_log_of_deletions ON event_log (recorded_at, video_id)
        WHERE type = 'video.deleted';
    CREATE TRIGGER count_video_change AFTER INSERT ON event_log FOR EACH ROW
        WHEN (NEW.type LIKE 'video.%' AND NEW.video_id IS NOT NULL)
        EXECUTE FUNCTION count_video_change();
    UPDATE event_log_retention SET thinned_day = NULL;
END $$;

DROP FUNCTION event_log_add_hours(timestamptz, integer);
CREATE OR REPLACE FUNCTION event_log_add_days(first_day date, day_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    added date;
    partition_name text;
BEGIN
    FOR added IN SELECT first_day + n FROM generate_series(0, day_count - 1) AS n LOOP
        partition_name := 'event_log_' || to_char(added, 'YYYYMMDD');
        IF to_regclass(partition_name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF event_log FOR VALUES FROM (%L) TO (%L)',
                partition_name, added || ' 00:00:00+00', added + 1 || ' 00:00:00+00'
            );
        END IF;
    END LOOP;
END
$$;
