-- Deletions among the events of many days: each process reads them at its start. Of the days to come,
-- and of those that are small; large ones get it when they are thinned.
-- depends: 0062_large_tables
-- transactional: false

DROP INDEX IF EXISTS event_log_of_deletions;
CREATE INDEX event_log_of_deletions ON ONLY event_log (recorded_at, video_id)
    WHERE type = 'video.deleted';
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event_log'::regclass LOOP
        IF pg_relation_size(part) < 64 * 1024 * 1024 THEN
            EXECUTE format(
                'CREATE INDEX %I ON %s (recorded_at, video_id) WHERE type = ''video.deleted''',
                part || '_of_deletions', part);
            EXECUTE format(
                'ALTER INDEX event_log_of_deletions ATTACH PARTITION %I', part || '_of_deletions');
        END IF;
    END LOOP;
END $$;
