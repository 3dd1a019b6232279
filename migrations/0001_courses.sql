-- Courses, their modules and their enrolments.
-- depends:

CREATE TABLE courses (
    id text PRIMARY KEY,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE modules (
    id text PRIMARY KEY,
    course_id text NOT NULL REFERENCES courses (id),
    title text NOT NULL,
    position integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE INDEX modules_of_course ON modules (course_id, position, id);

-- A withdrawn enrolment stays (role is null) until every grant it allowed has expired.
CREATE TABLE enrollments (
    course_id text NOT NULL REFERENCES courses (id),
    user_id text NOT NULL,
    role text CHECK (role IN ('student', 'instructor')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    kept_until timestamptz,
    PRIMARY KEY (course_id, user_id)
);
CREATE INDEX enrollments_of_user ON enrollments (user_id, course_id);
