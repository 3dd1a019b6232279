-- The database's own id beside that of its storage, which carries both: neither works with another.
-- depends: 0022_playing_from_s3

ALTER TABLE storage_identity
    ADD COLUMN database_id text,  -- NULL until recorded in the storage
    ADD COLUMN held_strays bigint NOT NULL DEFAULT 0;  -- files that the last sweep left in place

-- Distinguishes a copy of the database, restored or cloned into another cluster, from the original.
-- Empty where the role lacks the right.
CREATE FUNCTION cluster_identity() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT system_identifier::text FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege OR undefined_function THEN
    RETURN '';
END $$;
