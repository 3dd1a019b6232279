-- Adaptive ladders: what is wanted of each video, the pieces in the making, rungs and their files.
-- depends: 0035_web_processes

-- `work_id` names the directory of the pieces, anew whenever the work begins anew.
-- `source_sha256` is the served file that the work is made from, `published_source_sha256` that of
-- the published rungs and files; NULL before the first publication.
CREATE TABLE ladders (
    video_id uuid PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    work_id uuid NOT NULL UNIQUE,
    options text NOT NULL,
    source_sha256 text NOT NULL,
    published_source_sha256 text,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'processing', 'ready', 'failed')),
    is_failure_final boolean NOT NULL DEFAULT false,
    plan jsonb,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ladders_unfinished ON ladders (video_id) WHERE state IN ('waiting', 'processing');

-- A piece is made by one job: about a minute of all coded rungs, or a whole copied rung or sound.
-- It holds its lane from when it is taken, so that a killed worker's piece is found again.
CREATE TABLE ladder_pieces (
    video_id uuid NOT NULL REFERENCES ladders (video_id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('sound', 'copy', 'coded')),
    number integer NOT NULL CHECK (number >= 0),
    lane integer,
    is_ready boolean NOT NULL DEFAULT false,
    size_bytes bigint NOT NULL DEFAULT 0,
    facts jsonb,
    PRIMARY KEY (video_id, kind, number)
);

CREATE TABLE rungs (
    video_id uuid NOT NULL REFERENCES ladders (video_id) ON DELETE CASCADE,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('video', 'sound')),
    position integer NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'processing', 'ready', 'failed')),
    failure_code text,
    failure_detail text,
    height integer,
    width integer,
    bitrate integer,
    codecs text,
    file_name text,
    size_bytes bigint,
    details jsonb,
    PRIMARY KEY (video_id, name)
);

-- Superseded files stay until no grant that may name them is left.
CREATE TABLE ladder_files (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    file_name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('rung', 'captions', 'playlist', 'hls', 'dash')),
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    superseded_at timestamptz,
    PRIMARY KEY (video_id, file_name)
);
CREATE INDEX ladder_files_superseded ON ladder_files (superseded_at)
    WHERE superseded_at IS NOT NULL;

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos
                 WHERE status NOT IN ('ready', 'announced')), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_pieces), 0)
     + coalesce((SELECT sum(size_bytes) FROM ladder_files), 0) AS used_bytes;
