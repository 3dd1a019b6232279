-- Replacements of a video's file: what has arrived and is in the making, and the files left over.
-- depends: 0045_timelines

-- The video that a resumable upload replaces the file of.
ALTER TABLE uploads ADD COLUMN replaces uuid;

-- A picture that was sent stays with another film; a frame that was chosen does not.
ALTER TABLE videos ADD COLUMN has_own_picture boolean NOT NULL DEFAULT false;

-- One a video: a later one takes its place, under another id. It goes when it is served, and stays
-- with the reason when it failed. The columns from `format` on describe the file that is to be
-- served; NULL until it is made.
CREATE TABLE replacements (
    video_id uuid PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    id uuid NOT NULL UNIQUE,
    original_filename text NOT NULL,
    source_format text NOT NULL,
    facts jsonb NOT NULL,
    original_size_bytes bigint NOT NULL,
    original_sha256 text,
    uploaded_by text NOT NULL,
    processing_ratio double precision NOT NULL DEFAULT 0 CHECK (processing_ratio BETWEEN 0 AND 1),
    failure_code text,
    failure_detail text,
    format text,
    file_name text,
    mime_type text,
    size_bytes bigint,
    sha256 text
);

-- Files of a film that was replaced, or is not to be: removed shortly afterwards, unless another
-- row names them.
CREATE TABLE replaced_files (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    file_name text NOT NULL,
    size_bytes bigint NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, file_name)
);
CREATE INDEX replaced_files_by_age ON replaced_files (replaced_at);

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos
                 WHERE status NOT IN ('ready', 'announced')), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_pieces), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_files), 0)
     + coalesce((SELECT sum(original_size_bytes + coalesce(size_bytes, 0)) FROM replacements
                 WHERE failure_code IS NULL), 0)
     + coalesce((SELECT sum(size_bytes) FROM replaced_files), 0) AS used_bytes;
