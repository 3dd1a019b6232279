-- The event log in commit order, and the highest id that retention dropped.
-- depends: 0002_videos

CREATE SEQUENCE event_log_ids AS bigint;

-- Ids are taken under an advisory lock that lasts until COMMIT, so their order is commit order.
CREATE TABLE event_log (
    id bigint NOT NULL DEFAULT nextval('event_log_ids'),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    type text NOT NULL,
    video_id uuid,
    course_id text NOT NULL,
    user_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (id, recorded_at)
) PARTITION BY RANGE (recorded_at);
ALTER SEQUENCE event_log_ids OWNED BY event_log.id;
CREATE INDEX event_log_of_user ON event_log (user_id, id);
CREATE INDEX event_log_of_course ON event_log (course_id, id);
-- Index of the few events that every student of a course sees, among all playback events.
CREATE INDEX event_log_for_students ON event_log (course_id, id)
    WHERE type IN ('video.ready', 'video.updated', 'video.deleted');

-- A row in here means that no partition was made in time.
CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;

-- A gap in the ids is no loss; an id up to `dropped_id` is.
CREATE TABLE event_log_retention (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    dropped_id bigint NOT NULL DEFAULT 0
);
INSERT INTO event_log_retention DEFAULT VALUES;

-- Partitions of single UTC days; those that exist are left as they are.
CREATE FUNCTION event_log_add_days(first_day date, day_count integer) RETURNS void
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

-- Events may be written after the migration, before the first server makes partitions ahead.
SELECT event_log_add_days((now() AT TIME ZONE 'UTC')::date, 2);
