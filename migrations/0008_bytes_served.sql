-- Bytes served, per UTC day, video, user and purpose.
-- depends: 0007_storage_identity

-- No foreign keys: what was served stays true when video, course or user are gone. Only `bytes`
-- changes, which no index holds: room for heap-only updates. It may fall below zero for a day, when
-- a transfer is cut and bytes that were counted before midnight but never left are subtracted.
CREATE TABLE bytes_served (
    day date NOT NULL,
    course_id text NOT NULL,
    video_id uuid NOT NULL,
    user_id text NOT NULL,
    purpose text NOT NULL,  -- stream, download, thumbnail
    bytes bigint NOT NULL,
    PRIMARY KEY (day, course_id, video_id, user_id, purpose)
) WITH (fillfactor = 80);
CREATE INDEX bytes_served_of_course ON bytes_served (course_id, day);
CREATE INDEX bytes_served_of_user ON bytes_served (user_id, day);

-- One row per writing process: its newest batch. A batch whose commit was never confirmed can be
-- sent again without being counted twice.
CREATE TABLE bytes_served_writers (
    id uuid PRIMARY KEY,
    batch_number bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
