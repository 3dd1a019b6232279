-- Counts storage by course from now on, and reads it for the quota. Each statement by itself: a trigger
-- waits for the writers of its table alone, never with a lock on another. What was written before is
-- counted last, in one snapshot with the changes since; a run that was killed is repeated.
-- depends: 0086_storage_totals
-- transactional: false

CREATE OR REPLACE TRIGGER count_file AFTER INSERT OR DELETE OR UPDATE OF size_bytes
ON representations FOR EACH ROW EXECUTE FUNCTION count_file();

CREATE OR REPLACE TRIGGER count_file AFTER INSERT OR DELETE OR UPDATE OF size_bytes
ON thumbnails FOR EACH ROW EXECUTE FUNCTION count_file();

CREATE OR REPLACE TRIGGER count_file AFTER INSERT OR DELETE OR UPDATE OF size_bytes
ON storyboard_files FOR EACH ROW EXECUTE FUNCTION count_file();

CREATE OR REPLACE TRIGGER count_file AFTER INSERT OR DELETE OR UPDATE OF size_bytes
ON ladder_pieces FOR EACH ROW EXECUTE FUNCTION count_file();

CREATE OR REPLACE TRIGGER count_file AFTER INSERT OR DELETE OR UPDATE OF size_bytes
ON ladder_files FOR EACH ROW EXECUTE FUNCTION count_file();

CREATE OR REPLACE TRIGGER count_file AFTER INSERT OR DELETE OR UPDATE OF size_bytes
ON replaced_files FOR EACH ROW EXECUTE FUNCTION count_file();

CREATE OR REPLACE TRIGGER count_replacement
AFTER INSERT OR DELETE OR UPDATE OF original_size_bytes, size_bytes, failure_code
ON replacements FOR EACH ROW EXECUTE FUNCTION count_replacement();

CREATE OR REPLACE TRIGGER count_original
AFTER INSERT OR DELETE OR UPDATE OF status, original_size_bytes
ON videos FOR EACH ROW EXECUTE FUNCTION count_original();

CREATE OR REPLACE TRIGGER delete_files_of_video BEFORE DELETE
ON videos FOR EACH ROW EXECUTE FUNCTION delete_files_of_video();

INSERT INTO storage_of_courses AS s (course_id, bytes)
SELECT course_id, counted_bytes - recorded_bytes FROM storage_differences
ON CONFLICT (course_id) DO UPDATE SET bytes = s.bytes + excluded.bytes;

CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce(sum(bytes), 0) AS used_bytes
FROM (SELECT bytes FROM storage_of_courses UNION ALL SELECT bytes FROM storage_changes) AS parts;

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
    IF quota IS NOT NULL AND length > (SELECT quota - used_bytes - (
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
    IF quota IS NULL THEN
        granted := greatest(wished, needed);
    ELSE
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
