DROP TRIGGER IF EXISTS count_file ON representations;
DROP TRIGGER IF EXISTS count_file ON thumbnails;
DROP TRIGGER IF EXISTS count_file ON storyboard_files;
DROP TRIGGER IF EXISTS count_file ON ladder_pieces;
DROP TRIGGER IF EXISTS count_file ON ladder_files;
DROP TRIGGER IF EXISTS count_file ON replaced_files;
DROP TRIGGER IF EXISTS count_replacement ON replacements;
DROP TRIGGER IF EXISTS count_original ON videos;
DROP TRIGGER IF EXISTS delete_files_of_video ON videos;

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce(sum(size_bytes), 0) AS used_bytes FROM stored_files;

-- Reserves space for one more upload of a user: 'open', 'too-many' or 'no-room'. `most` is NULL for
-- a user without a limit. 'no-room' if it could not complete even if no other upload did.
CREATE OR REPLACE FUNCTION open_upload(
    upload uuid, uploader text, length bigint, most integer, quota bigint, life_s double precision
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(25459, 3);
    DELETE FROM space_reservations WHERE expires_at < clock_timestamp();
    IF (SELECT count(*) FROM space_reservations WHERE user_id = uploader) >= most THEN
        RETURN 'too-many';
    END IF;
    IF length > (SELECT quota - used_bytes - (
        SELECT coalesce(sum(arrived_bytes), 0) FROM space_reservations) FROM storage_used)
    THEN
        RETURN 'no-room';
    END IF;
    INSERT INTO space_reservations (upload_id, user_id, reserved_bytes, expires_at) VALUES (
        upload, uploader, 0, clock_timestamp() + make_interval(secs => life_s)
    );
    RETURN 'open';
END $$;

-- Total bytes granted to `upload`, NULL when not even `needed` fit: those have arrived, or are
-- certain to. More of the `wished` is granted while all space granted ahead stays within a quarter
-- of the free space, and that of one user within an eighth.
-- An ended upload gets nothing: its row is read first, so that no lock is held meanwhile.
CREATE OR REPLACE FUNCTION reserve_space(
    upload uuid, needed bigint, wished bigint, quota bigint, life_s double precision
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    uploader text;
    is_over boolean;
    room numeric;
    free numeric;
    ahead numeric;
    ahead_of_user numeric;
    granted bigint;
BEGIN
    SELECT ended_at IS NOT NULL INTO is_over FROM uploads WHERE id = upload FOR SHARE;
    IF is_over THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(25459, 3);
    DELETE FROM space_reservations WHERE expires_at < clock_timestamp();
    SELECT user_id INTO uploader FROM space_reservations WHERE upload_id = upload;
    SELECT quota - used_bytes - reserved, quota - used_bytes - arrived - needed,
        reserved - arrived, of_user
    INTO room, free, ahead, ahead_of_user
    FROM storage_used, (
        SELECT coalesce(sum(reserved_bytes), 0) AS reserved,
            coalesce(sum(least(arrived_bytes, reserved_bytes)), 0) AS arrived,
            coalesce(sum(reserved_bytes - least(arrived_bytes, reserved_bytes))
                FILTER (WHERE user_id = uploader), 0) AS of_user
        FROM space_reservations WHERE upload_id <> upload
    ) AS others;
    IF room < needed THEN
        RETURN NULL;
    END IF;
    IF quota IS NULL THEN
        granted := greatest(wished, needed);
    ELSE
        granted := greatest(needed, least(wished, room,
            needed + least(trunc(free / 4) - ahead, trunc(free / 8) - ahead_of_user)));
    END IF;
    INSERT INTO space_reservations (upload_id, reserved_bytes, arrived_bytes, expires_at) VALUES (
        upload, granted, needed, clock_timestamp() + make_interval(secs => life_s)
    )
    ON CONFLICT (upload_id) DO UPDATE SET reserved_bytes = excluded.reserved_bytes,
        arrived_bytes = excluded.arrived_bytes, expires_at = excluded.expires_at;
    RETURN granted;
END $$;
