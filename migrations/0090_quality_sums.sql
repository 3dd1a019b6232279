-- Quality of courses by day, summed up in advance: reading a month of a course sums 6,000 rows in the
-- place of 36,000. Which days are to be summed is marked by triggers, whoever changes what they are
-- sums of; days that are marked are read from `quality_days` itself, so figures are exact at any time.
-- depends: 0064_quality

-- Parts of a course's day over its videos that are not deleted: by conditions, and by video. Columns
-- that a part is not grouped by are null.
CREATE TABLE quality_sums (LIKE quality_days);
ALTER TABLE quality_sums
    ALTER COLUMN video_id DROP NOT NULL,
    ALTER COLUMN device DROP NOT NULL,
    ALTER COLUMN browser DROP NOT NULL,
    ALTER COLUMN network DROP NOT NULL;
CREATE INDEX quality_sums_of_course ON quality_sums (course_id, day);

-- Marks: days whose parts, if there are any, are not true. A day may be marked more than once.
CREATE TABLE quality_unsummed (
    course_id text NOT NULL,
    day date NOT NULL
);
CREATE INDEX quality_unsummed_of_course ON quality_unsummed (course_id, day);

-- Whoever adds holds the lock of the rollups, and so does whoever sums days up: a mark that is seen
-- here stays until this transaction has ended. Deleted by others, a day is marked again; but rows of a
-- video that was deleted before are in no part.
CREATE FUNCTION unsum_quality_of_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quality_unsummed (course_id, day)
    SELECT DISTINCT c.course_id, c.day FROM changed c
    WHERE CASE TG_OP
        WHEN 'DELETE' THEN NOT EXISTS (
            SELECT FROM videos v WHERE v.id = c.video_id AND v.deleted_at IS NOT NULL)
        ELSE NOT EXISTS (
            SELECT FROM quality_unsummed u WHERE (u.course_id, u.day) = (c.course_id, c.day)) END;
    RETURN NULL;
END $$;

-- Summing up waits for the lock, and then sees the video as it is now.
CREATE FUNCTION unsum_quality_of_video() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE quality_unsummed IN ROW EXCLUSIVE MODE;
    INSERT INTO quality_unsummed (course_id, day)
    SELECT DISTINCT course_id, day FROM quality_days WHERE video_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER quality_added AFTER INSERT ON quality_days
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION unsum_quality_of_days();
CREATE TRIGGER quality_changed AFTER UPDATE ON quality_days
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION unsum_quality_of_days();
CREATE TRIGGER quality_deleted AFTER DELETE ON quality_days
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION unsum_quality_of_days();
CREATE TRIGGER quality_of_video AFTER UPDATE OF deleted_at, course_id ON videos FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) OR OLD.course_id <> NEW.course_id)
    EXECUTE FUNCTION unsum_quality_of_video();
