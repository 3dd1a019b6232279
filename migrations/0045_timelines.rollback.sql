DROP FUNCTION follow_timeline();
DROP FUNCTION current_timeline();
DROP TABLE database_timelines;
