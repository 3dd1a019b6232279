DROP FUNCTION event_log_add_days(date, integer);
DROP TABLE event_log_retention;
DROP TABLE event_log;
