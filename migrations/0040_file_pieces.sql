-- SHA-256 of each 4 MiB of files that are kept offline: computed once, at the first licence.
-- depends: 0036_ladders

CREATE TABLE file_pieces (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    file_name text NOT NULL,
    sha256s bytea NOT NULL CHECK (octet_length(sha256s) % 32 = 0),
    PRIMARY KEY (video_id, file_name)
);
