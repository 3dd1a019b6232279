DROP INDEX enrollments_changed;
ALTER TABLE enrollments ADD COLUMN kept_until timestamptz;
