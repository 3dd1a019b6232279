-- Text tracks of videos: captions by language, and chapters.
-- depends: 0009_enrollments_kept

-- As WebVTT, at most 1 MiB: text that belongs to the video, deleted, restored and backed up with it.
CREATE TABLE text_tracks (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('captions', 'chapters')),
    language text NOT NULL CHECK ((language = '') = (kind = 'chapters')),
    content text NOT NULL CHECK (octet_length(content) <= 1048576),
    sha256 text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, kind, language)
);
