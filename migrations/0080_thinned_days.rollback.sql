ALTER TABLE event_log_retention DROP COLUMN thinned_day, DROP COLUMN thinned_id;
