DROP TABLE periodic_turns;
DROP INDEX event_log_of_video;
DROP INDEX playback_sessions_stopped;
DROP INDEX videos_in_processing;
DROP INDEX videos_deleted;
DROP INDEX enrollments_in_order;
