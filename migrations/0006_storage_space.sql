-- Space in STORAGE_QUOTA: used by published files, and reserved for uploads.
-- depends: 0005_jobs

-- Computed from the rows; a deleted video counts until the trash is emptied.
CREATE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos WHERE status <> 'ready'), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0) AS used_bytes;

-- One row per upload in progress. Rows of a killed process expire.
CREATE TABLE space_reservations (
    upload_id uuid PRIMARY KEY,
    reserved_bytes bigint NOT NULL CHECK (reserved_bytes >= 0),
    expires_at timestamptz NOT NULL
);

-- Total bytes granted to `upload`: up to `wished`, NULL when not even `needed` fit.
-- The lock comes first, so that the next statement sees the reservations of every earlier caller;
-- that one statement sums, so that an upload turning into a video is counted exactly once.
CREATE FUNCTION reserve_space(
    upload uuid, needed bigint, wished bigint, quota bigint, life_s double precision
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    room numeric;
    granted bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(25459, 3);
    DELETE FROM space_reservations WHERE expires_at < clock_timestamp();
    SELECT quota - used_bytes - (
        SELECT coalesce(sum(reserved_bytes), 0) FROM space_reservations WHERE upload_id <> upload
    ) INTO room FROM storage_used;
    IF room < needed THEN
        RETURN NULL;
    END IF;
    granted := least(wished, room);  -- without a quota there is always room
    INSERT INTO space_reservations VALUES (
        upload, granted, clock_timestamp() + make_interval(secs => life_s)
    )
    ON CONFLICT (upload_id) DO UPDATE SET
        reserved_bytes = excluded.reserved_bytes, expires_at = excluded.expires_at;
    RETURN granted;
END $$;
