-- Ledger of the takeover from S3: the objects, and the modules that show them.
-- depends: 0010_uploads

CREATE TABLE s3_objects (
    id uuid PRIMARY KEY,  -- its unfinished file has it in its name
    bucket text NOT NULL,
    key text NOT NULL,
    etag text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    fetched int8multirange NOT NULL DEFAULT '{}',  -- bytes durable on disk
    sha256 text,
    verified_by text,
    refused_for text,  -- reason why the object is refused
    started_at timestamptz NOT NULL DEFAULT now(),
    fetched_at timestamptz,
    is_finished boolean NOT NULL DEFAULT false,  -- its unfinished file can be removed
    UNIQUE (bucket, key)
);

-- The old reference beside the new one. No foreign key to a module or a video: the outcome of a
-- module stays known when those are gone, and is not repeated.
CREATE TABLE s3_modules (
    module_id text PRIMARY KEY,
    object_id uuid NOT NULL REFERENCES s3_objects (id),
    video_url text NOT NULL,
    video_id uuid NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX s3_modules_of_object ON s3_modules (object_id);
