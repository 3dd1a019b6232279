-- How long a change of an enrolment matters follows from when it was made: updated_at.
-- depends: 0008_bytes_served

ALTER TABLE enrollments DROP COLUMN kept_until;
CREATE INDEX enrollments_changed ON enrollments (updated_at) WHERE version > 1;
