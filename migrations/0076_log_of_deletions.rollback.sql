DROP INDEX event_log_of_deletions;
