-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS playback_sessions_open_of_video
