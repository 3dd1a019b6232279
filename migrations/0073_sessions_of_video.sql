-- A video's sessions in the order in which they began: paged through, and counted, without a look-up for
-- each of its viewers. No report changes these columns.
-- depends: 0062_large_tables
-- transactional: false

DROP INDEX IF EXISTS playback_sessions_of_video;
CREATE INDEX CONCURRENTLY playback_sessions_of_video ON playback_sessions (video_id, started_at);
