-- transactional: false
-- Open sessions by video, for the number of active viewers.
-- depends: 0050_viewing

CREATE INDEX CONCURRENTLY IF NOT EXISTS playback_sessions_open_of_video
    ON playback_sessions (video_id) WHERE state <> 'stopped'
