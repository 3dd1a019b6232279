-- Videos, the files they are served as, and their pictures.
-- depends: 0001_courses

CREATE TABLE videos (
    id uuid PRIMARY KEY,
    course_id text NOT NULL REFERENCES courses (id),
    module_id text NOT NULL REFERENCES modules (id),
    title text NOT NULL,
    original_filename text NOT NULL,
    status text NOT NULL DEFAULT 'processing' CHECK (status IN ('processing', 'ready', 'failed')),
    failure_code text,
    failure_detail text,
    processing_ratio double precision NOT NULL DEFAULT 0 CHECK (processing_ratio BETWEEN 0 AND 1),
    duration_s double precision NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    frame_rate double precision,
    rotation integer NOT NULL DEFAULT 0,
    container text NOT NULL,
    video_codec text NOT NULL,
    audio_codec text,
    mime_type text NOT NULL,
    is_playable boolean NOT NULL,  -- by browsers, as it was uploaded
    original_size_bytes bigint NOT NULL,
    original_sha256 text,
    uploaded_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE INDEX videos_of_module ON videos (module_id, created_at, id);
CREATE INDEX videos_of_course ON videos (course_id, created_at, id);

-- One row per format; the first one made is described by `size` and `sha256` of the video.
CREATE TABLE representations (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    format text NOT NULL,
    file_name text NOT NULL,
    mime_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    is_primary boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, format)
);

CREATE TABLE thumbnails (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    size_name text NOT NULL,
    mime_type text NOT NULL,
    file_name text NOT NULL,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, size_name, mime_type)
);
