-- The storage that belongs to this database: files without a row are removed from no other.
-- depends: 0005_jobs

CREATE TABLE storage_identity (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    instance_id text NOT NULL
);
