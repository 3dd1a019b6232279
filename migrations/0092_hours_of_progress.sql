-- Progress events, nearly all of the log, in partitions of single hours: they are dropped long before
-- the other events, which stay in partitions of days. Days of before hold both; they are dropped whole.
-- No row is written anew: the partitions move to a new parent, which has no primary key, since that
-- would have to contain the type. What can take long, a look at each row of those days, locks nobody out.
-- depends: 0072_fact_versions 0076_log_of_deletions 0080_thinned_days
-- transactional: false

-- Waits in turns, since readers and writers queue up behind a lock that is waited for.
CREATE FUNCTION pg_temp.lock_event_log() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(25459, 2);
    FOR attempt IN 1..600 LOOP
        BEGIN
            SET LOCAL lock_timeout = '200ms';
            LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.3);
        END;
    END LOOP;
    RAISE 'the event log is too busy to be locked';
END $$;

-- The day of a partition of before.
CREATE FUNCTION pg_temp.day_of(part regclass) RETURNS date LANGUAGE sql AS $$
    SELECT to_date(right(part::text, 8), 'YYYYMMDD')
$$;

CREATE FUNCTION pg_temp.parts_of_days() RETURNS SETOF regclass LANGUAGE sql AS $$
    SELECT inhrelid::regclass FROM pg_inherits
    WHERE inhparent = 'event_log'::regclass AND inhrelid::regclass::text ~ '^event_log_[0-9]{8}$'
$$;

-- Servers of before leave the days whole from now on: a copy of theirs would lack its indexes.
UPDATE event_log_retention SET thinned_day = '9999-12-31';

DO $$
DECLARE
    part regclass;
BEGIN
    PERFORM pg_temp.lock_event_log();
    FOR part IN SELECT pg_temp.parts_of_days() LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS of_the_day', part);
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT of_the_day'
            ' CHECK (recorded_at >= %L AND recorded_at < %L) NOT VALID',
            part, pg_temp.day_of(part) || ' 00:00:00+00', pg_temp.day_of(part) + 1 || ' 00:00:00+00');
    END LOOP;
END $$;

DO $$
DECLARE
    part regclass;
BEGIN
    PERFORM pg_advisory_xact_lock(25459, 2);
    FOR part IN SELECT pg_temp.parts_of_days() LOOP
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT of_the_day', part);
    END LOOP;
END $$;

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
                'CREATE TABLE %I PARTITION OF event_log_others FOR VALUES FROM (%L) TO (%L)',
                partition_name, added || ' 00:00:00+00', added + 1 || ' 00:00:00+00'
            );
        END IF;
    END LOOP;
END
$$;

-- Partitions of progress, of single hours from that of `first_at` on; those that exist are left as
-- they are.
CREATE OR REPLACE FUNCTION event_log_add_hours(first_at timestamptz, hour_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    added timestamp;
    partition_name text;
BEGIN
    FOR added IN SELECT date_trunc('hour', first_at AT TIME ZONE 'UTC') + n * interval '1 hour'
        FROM generate_series(0, hour_count - 1) AS n
    LOOP
        partition_name := 'event_log_progress_' || to_char(added, 'YYYYMMDDHH24');
        IF to_regclass(partition_name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF event_log_progress FOR VALUES FROM (%L) TO (%L)',
                partition_name, added || '+00', added + interval '1 hour' || '+00'
            );
        END IF;
    END LOOP;
END
$$;

DO $$
DECLARE
    part regclass;
    has_rows boolean;
    first_new text := 'MINVALUE';
BEGIN
    IF to_regclass('event_log_progress') IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_temp.lock_event_log();
    ALTER TABLE event_log RENAME TO event_log_before;

    CREATE TABLE event_log (
        id bigint NOT NULL DEFAULT nextval('event_log_ids'),
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        occurred_at timestamptz NOT NULL,
        type text NOT NULL,
        video_id uuid,
        course_id text NOT NULL,
        user_id text NOT NULL,
        payload jsonb NOT NULL
    ) PARTITION BY RANGE (recorded_at);
    ALTER SEQUENCE event_log_ids OWNED BY event_log.id;
    DROP TRIGGER count_video_change ON event_log_before;
    CREATE TRIGGER count_video_change AFTER INSERT ON event_log FOR EACH ROW
        WHEN (NEW.type LIKE 'video.%' AND NEW.video_id IS NOT NULL)
        EXECUTE FUNCTION count_video_change();

    FOR part IN SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent = 'event_log_before'::regclass ORDER BY inhrelid::regclass::text DESC
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', part) INTO has_rows;
        EXECUTE format('ALTER TABLE event_log_before DETACH PARTITION %s', part);
        IF part::text = 'event_log_default' THEN
            ALTER TABLE event_log_default RENAME TO event_log_strays;
        ELSIF has_rows OR first_new <> 'MINVALUE' THEN
            IF first_new = 'MINVALUE' THEN
                first_new := quote_literal(pg_temp.day_of(part) + 1 || ' 00:00:00+00');
            END IF;
            EXECUTE format(
                'ALTER TABLE event_log ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                part, pg_temp.day_of(part) || ' 00:00:00+00',
                pg_temp.day_of(part) + 1 || ' 00:00:00+00');
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT of_the_day', part);
        ELSE
            EXECUTE format('DROP TABLE %s', part);
        END IF;
    END LOOP;
    DROP TABLE event_log_before;

    EXECUTE format(
        'CREATE TABLE event_log_by_type PARTITION OF event_log'
        ' FOR VALUES FROM (%s) TO (MAXVALUE) PARTITION BY LIST (type)', first_new);
    CREATE TABLE event_log_progress PARTITION OF event_log_by_type
        FOR VALUES IN ('playback.progress') PARTITION BY RANGE (recorded_at);
    CREATE TABLE event_log_others PARTITION OF event_log_by_type
        DEFAULT PARTITION BY RANGE (recorded_at);

    CREATE INDEX event_log_progress_in_order ON event_log_progress (id);
    CREATE INDEX event_log_progress_of_user ON event_log_progress (user_id, id);
    CREATE INDEX event_log_progress_of_course ON event_log_progress (course_id, id);
    CREATE INDEX event_log_progress_of_video ON event_log_progress (video_id, id);

    CREATE INDEX event_log_in_order ON event_log_others (id);
    CREATE INDEX event_log_of_user ON event_log_others (user_id, id);
    CREATE INDEX event_log_of_course ON event_log_others (course_id, id);
    CREATE INDEX event_log_of_video ON event_log_others (video_id, id);
    CREATE INDEX event_log_for_students ON event_log_others (course_id, id)
        WHERE type IN ('video.ready', 'video.updated', 'video.deleted');
    CREATE INDEX event_log_of_deletions ON event_log_others (recorded_at, video_id)
        WHERE type = 'video.deleted';

    -- A row in one of these means that no partition was made in time.
    CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;
    CREATE INDEX ON event_log_default (id);
    CREATE TABLE event_log_progress_default PARTITION OF event_log_progress DEFAULT;
    CREATE TABLE event_log_others_default PARTITION OF event_log_others DEFAULT;
    PERFORM event_log_add_days((now() AT TIME ZONE 'UTC')::date, 2);
    PERFORM event_log_add_hours(now(), 4);

    INSERT INTO event_log
        (id, recorded_at, occurred_at, type, video_id, course_id, user_id, payload)
    SELECT id, recorded_at, occurred_at, type, video_id, course_id, user_id, payload
    FROM event_log_strays ORDER BY id;
    DROP TABLE event_log_strays;
END $$;
