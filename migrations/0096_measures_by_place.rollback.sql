DROP VIEW playback_sessions_named;
UPDATE playback_sessions SET measures = named_measures(sums) WHERE sums IS NOT NULL;
DROP FUNCTION named_measures(text);
ALTER TABLE viewing_upkeep DROP COLUMN sums_from;
ALTER TABLE playback_sessions DROP COLUMN sums;
