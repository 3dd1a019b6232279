DROP FUNCTION cluster_identity();
ALTER TABLE storage_identity DROP COLUMN held_strays, DROP COLUMN database_id;
