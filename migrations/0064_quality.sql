-- Quality of playback: sums of each session, and figures by video, day, device, browser and network.
-- depends: 0062_large_tables

-- Null: no report of the session has measured anything since this column is there.
ALTER TABLE playback_sessions ADD COLUMN measures jsonb;

-- The day on which sessions began. Each figure is a sum over sessions.
CREATE TABLE quality_days (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    day date NOT NULL,
    device text NOT NULL,
    browser text NOT NULL,
    network text NOT NULL,
    course_id text NOT NULL,
    viewers varbit NOT NULL,  -- a bit for each viewer of the course, by number
    sessions bigint NOT NULL,
    starts bigint NOT NULL,
    failures bigint NOT NULL,
    errors bigint NOT NULL,
    startups bigint NOT NULL,
    startup_ms bigint NOT NULL,
    startup_points bigint NOT NULL,  -- thousandths of the score's points
    startups_500 bigint NOT NULL,
    startups_1000 bigint NOT NULL,
    startups_2000 bigint NOT NULL,
    startups_4000 bigint NOT NULL,
    startups_8000 bigint NOT NULL,
    stalled_sessions bigint NOT NULL,
    stalls bigint NOT NULL,
    stalled_ms bigint NOT NULL,
    played_ms bigint NOT NULL,
    dropped_frames bigint NOT NULL,
    bitrate_ms bigint NOT NULL,
    bits bigint NOT NULL,
    height_ms bigint NOT NULL,
    height_lines bigint NOT NULL,  -- lines of the picture, times milliseconds
    PRIMARY KEY (video_id, day, device, browser, network)
) WITH (fillfactor = 80);
CREATE INDEX quality_days_of_course ON quality_days (course_id, day);
