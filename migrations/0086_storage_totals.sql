-- Storage by course, kept as a total and the changes since: whoever stores or removes a file inserts a
-- change, so that nobody waits for the row of a course that others are working on. Reading both in one
-- statement is exact; a periodic task moves changes into the totals.
-- No foreign keys: their checks would lock rows of courses in an order of their own.
-- depends: 0075_stored_files

CREATE TABLE storage_of_courses (
    course_id text PRIMARY KEY,
    bytes bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE storage_changes (
    course_id text NOT NULL,
    bytes bigint NOT NULL
);

CREATE VIEW course_storage AS
SELECT course_id, sum(bytes)::bigint AS bytes
FROM (SELECT course_id, bytes FROM storage_of_courses
      UNION ALL SELECT course_id, bytes FROM storage_changes) AS parts
GROUP BY course_id;

-- Courses whose total is not the sum over their files; none, unless triggers were off.
CREATE VIEW storage_differences AS
SELECT course_id, coalesce(recorded.bytes, 0) AS recorded_bytes,
    coalesce(counted.bytes, 0) AS counted_bytes
FROM course_storage AS recorded
FULL JOIN (
    SELECT v.course_id, sum(f.size_bytes)::bigint AS bytes
    FROM stored_files f JOIN videos v ON v.id = f.video_id GROUP BY v.course_id
) AS counted USING (course_id)
WHERE coalesce(recorded.bytes, 0) <> coalesce(counted.bytes, 0);

-- In these functions OLD or NEW is null where there is none. What counts is as in `stored_files`.
CREATE FUNCTION count_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := coalesce(NEW.size_bytes, 0) - coalesce(OLD.size_bytes, 0);
BEGIN
    IF change <> 0 THEN
        INSERT INTO storage_changes (course_id, bytes)
        SELECT course_id, change FROM videos WHERE id = coalesce(NEW.video_id, OLD.video_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_replacement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before bigint := CASE WHEN OLD.failure_code IS NULL
        THEN OLD.original_size_bytes + coalesce(OLD.size_bytes, 0) END;
    after bigint := CASE WHEN NEW.failure_code IS NULL
        THEN NEW.original_size_bytes + coalesce(NEW.size_bytes, 0) END;
    change bigint := coalesce(after, 0) - coalesce(before, 0);
BEGIN
    IF change <> 0 THEN
        INSERT INTO storage_changes (course_id, bytes)
        SELECT course_id, change FROM videos WHERE id = coalesce(NEW.video_id, OLD.video_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_original() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before bigint := CASE WHEN OLD.status NOT IN ('ready', 'announced')
        THEN OLD.original_size_bytes END;
    after bigint := CASE WHEN NEW.status NOT IN ('ready', 'announced')
        THEN NEW.original_size_bytes END;
    change bigint := coalesce(after, 0) - coalesce(before, 0);
BEGIN
    IF change <> 0 THEN
        INSERT INTO storage_changes (course_id, bytes)
        VALUES (coalesce(NEW.course_id, OLD.course_id), change);
    END IF;
    RETURN NULL;
END $$;

-- Cascading, the rows of a video's files would go after the video, when nothing names their course
-- any more. The video is locked by now: no further ones can come.
CREATE FUNCTION delete_files_of_video() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM representations WHERE video_id = OLD.id;
    DELETE FROM thumbnails WHERE video_id = OLD.id;
    DELETE FROM storyboard_files WHERE video_id = OLD.id;
    DELETE FROM ladder_pieces WHERE video_id = OLD.id;
    DELETE FROM ladder_files WHERE video_id = OLD.id;
    DELETE FROM replacements WHERE video_id = OLD.id;
    DELETE FROM replaced_files WHERE video_id = OLD.id;
    RETURN OLD;
END $$;
