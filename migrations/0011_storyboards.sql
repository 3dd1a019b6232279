-- Storyboards, and assets that cannot be made of a video.
-- depends: 0009_enrollments_kept

-- Part 0 is the WebVTT index, the others are the sheets that it names.
CREATE TABLE storyboard_files (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    part integer NOT NULL CHECK (part >= 0),
    file_name text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, part)
);

CREATE TABLE unmakable (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    what text NOT NULL CHECK (what IN ('further-pictures', 'storyboard')),
    code text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, what)
);

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos WHERE status <> 'ready'), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0) AS used_bytes;
