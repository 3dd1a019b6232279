-- Indexes by which nothing reads the whole of a large table. Built without locking writers out, each
-- statement by itself; a run that was killed is repeated.
-- depends: 0045_timelines
-- transactional: false

DROP INDEX IF EXISTS enrollments_in_order;
CREATE INDEX CONCURRENTLY enrollments_in_order ON enrollments (course_id, created_at, user_id)
    WHERE role IS NOT NULL;

DROP INDEX IF EXISTS videos_deleted;
CREATE INDEX CONCURRENTLY videos_deleted ON videos (deleted_at) WHERE deleted_at IS NOT NULL;

DROP INDEX IF EXISTS videos_in_processing;
CREATE INDEX CONCURRENTLY videos_in_processing ON videos (id) WHERE status = 'processing';

-- Not by the last report, whose time changes with each: the row would no longer be updated in place.
DROP INDEX IF EXISTS playback_sessions_stopped;
CREATE INDEX CONCURRENTLY playback_sessions_stopped ON playback_sessions (stopped_at)
    WHERE stopped_at IS NOT NULL;

-- Of the days to come. An index of a partitioned table cannot be built beside its writers: days that
-- are large go without it until they are dropped.
DROP INDEX IF EXISTS event_log_of_video;
CREATE INDEX event_log_of_video ON ONLY event_log (video_id, id);
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event_log'::regclass LOOP
        IF pg_relation_size(part) < 64 * 1024 * 1024 THEN
            EXECUTE format('CREATE INDEX %I ON %s (video_id, id)', part || '_of_video', part);
            EXECUTE format(
                'ALTER INDEX event_log_of_video ATTACH PARTITION %I', part || '_of_video');
        END IF;
    END LOOP;
END $$;

-- When each periodic task that runs once for all processes was last begun.
CREATE TABLE IF NOT EXISTS periodic_turns (
    task text PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
