-- Differences between an upload and what was made of it, which nobody intended.
-- depends: 0036_ladders

CREATE TABLE media_differences (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    made text NOT NULL CHECK (made IN ('copy', 'conversion', 'alternate')),
    differences text[] NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, made)
);
