-- transactional: false

DROP INDEX IF EXISTS playback_sessions_open;
CREATE INDEX CONCURRENTLY playback_sessions_open ON playback_sessions (user_id, video_id, session_id)
    WHERE state <> 'stopped';
DROP INDEX IF EXISTS playback_sessions_sliced;
DROP TABLE IF EXISTS silence_slices;
