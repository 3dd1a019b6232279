DROP FUNCTION open_upload(uuid, text, bigint, integer, bigint, double precision);
-- Total bytes granted to `upload`: up to `wished`, NULL when not even `needed` fit.
-- The lock comes first, so that the next statement sees the reservations of every earlier caller;
-- that one statement sums, so that an upload turning into a video is counted exactly once.
CREATE OR REPLACE FUNCTION reserve_space(
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
    INSERT INTO space_reservations (upload_id, reserved_bytes, expires_at) VALUES (
        upload, granted, clock_timestamp() + make_interval(secs => life_s)
    )
    ON CONFLICT (upload_id) DO UPDATE SET
        reserved_bytes = excluded.reserved_bytes, expires_at = excluded.expires_at;
    RETURN granted;
END $$;
ALTER TABLE space_reservations DROP COLUMN user_id, DROP COLUMN arrived_bytes;
DROP INDEX uploads_open_of_user;
DROP INDEX uploads_open_of_course;
ALTER TABLE uploads DROP COLUMN created_at;
