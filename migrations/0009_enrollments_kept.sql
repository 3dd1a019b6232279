-- The time for which a change of an enrolment matters starts at updated_at.
-- depends: 0008_bytes_served

ALTER TABLE enrollments DROP COLUMN kept_until;
CREATE INDEX enrollments_changed ON enrollments (updated_at) WHERE version > 1;
