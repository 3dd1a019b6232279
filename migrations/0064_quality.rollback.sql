DROP TABLE quality_days;
ALTER TABLE playback_sessions DROP COLUMN measures;
