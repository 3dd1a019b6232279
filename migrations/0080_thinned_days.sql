-- Days of the event log that lack what is kept for a shorter time (playback.progress): the last of them,
-- and its newest id, up to which a stream that shows such events cannot be resumed.
-- depends: 0045_timelines

ALTER TABLE event_log_retention
    ADD COLUMN thinned_day date,
    ADD COLUMN thinned_id bigint NOT NULL DEFAULT 0;
