-- Versions of what is kept of a video, and of a course's outline, outside the database: whoever holds
-- a copy asks for the number and sees whether it is of now. A video's is the id of its last event, which
-- no fail-over gives twice; rows are written under the log's lock, so they never wait for each other.
-- Without a foreign key: its check would wait for rows that others lock before they take that lock.
-- Triggers, so that versions of the service that know nothing of it count as well.
-- depends: 0045_timelines 0062_large_tables

CREATE TABLE video_versions (
    video_id uuid PRIMARY KEY,
    event_id bigint NOT NULL
) WITH (fillfactor = 70);

-- `changed_us`: microseconds since 1970, greater with each change.
CREATE TABLE outline_versions (
    course_id text PRIMARY KEY,
    changed_us bigint NOT NULL
) WITH (fillfactor = 70);

CREATE FUNCTION count_outline_change(changed_course_id text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO outline_versions AS o (course_id, changed_us)
    VALUES (changed_course_id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    ON CONFLICT (course_id) DO UPDATE
    SET changed_us = greatest(o.changed_us + 1, excluded.changed_us)
$$;

CREATE FUNCTION count_video_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO video_versions AS v (video_id, event_id) VALUES (NEW.video_id, NEW.id)
    ON CONFLICT (video_id) DO UPDATE SET event_id = excluded.event_id;
    PERFORM count_outline_change(NEW.course_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER count_video_change AFTER INSERT ON event_log FOR EACH ROW
WHEN (NEW.type LIKE 'video.%' AND NEW.video_id IS NOT NULL)
EXECUTE FUNCTION count_video_change();

CREATE FUNCTION count_module_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_outline_change(NEW.course_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION count_course_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_outline_change(NEW.id);
    RETURN NULL;
END
$$;

-- At the commit: before it, whoever changes a module may still wait for the log's lock.
CREATE CONSTRAINT TRIGGER count_module_change AFTER INSERT OR UPDATE ON modules
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_module_change();

CREATE CONSTRAINT TRIGGER count_course_change AFTER INSERT OR UPDATE ON courses
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_course_change();
