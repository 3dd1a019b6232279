-- Figures of viewing by video and day, and the changes that are still to be added to them.
-- depends: 0045_timelines

-- A number for each viewer of a course: the place of their bit in the sets below.
CREATE TABLE course_viewers (
    course_id text NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    number integer NOT NULL,
    PRIMARY KEY (course_id, user_id),
    UNIQUE (course_id, number)
);

-- One row for each commit of reports, deleted when it has been added to the figures. Its text is
-- read once, so it is not worth compressing.
CREATE TABLE viewing_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changes text NOT NULL
);
ALTER TABLE viewing_changes ALTER COLUMN changes SET STORAGE EXTERNAL;

CREATE TABLE viewing_days (
    video_id uuid NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    day date NOT NULL,
    course_id text NOT NULL,
    viewers varbit NOT NULL,  -- a bit for each viewer of the course, by number
    sessions integer NOT NULL,
    watched_cs bigint NOT NULL,  -- centiseconds that were seen for the first time
    completions integer NOT NULL,
    PRIMARY KEY (video_id, day)
) WITH (fillfactor = 80);
CREATE INDEX viewing_days_of_course ON viewing_days (course_id, day);
CREATE INDEX viewing_days_by_day ON viewing_days (day);

-- Counted since its progress was counted once, in full; `duration_cs` that it was counted for.
CREATE TABLE viewing_curves (
    video_id uuid PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    is_counted boolean NOT NULL,
    duration_cs bigint,
    viewers integer[] NOT NULL,
    plays integer[] NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX viewing_curves_uncounted ON viewing_curves (video_id) WHERE NOT is_counted;

-- Locked by whoever changes the figures. Videos up to `counted_to` have been looked at for progress
-- that is older than this table.
CREATE TABLE viewing_upkeep (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    counted_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    are_all_counted boolean NOT NULL DEFAULT false
);
INSERT INTO viewing_upkeep DEFAULT VALUES;

-- The union of two sets of viewers; the shorter one lacks the later numbers.
CREATE FUNCTION viewers_united(one varbit, other varbit) RETURNS varbit
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT (one || repeat('0', greatest(length(other) - length(one), 0))::varbit)
        | (other || repeat('0', greatest(length(one) - length(other), 0))::varbit)
$$;

CREATE AGGREGATE viewers_union (varbit) (SFUNC = viewers_united, STYPE = varbit, INITCOND = '');
