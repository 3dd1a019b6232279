-- Time during which sweeps took place: a clock that jumps ahead must not empty the trash.
-- depends: 0023_storage_owner

-- Grows by the time between two sweeps, at most by the sweeps' interval.
CREATE TABLE trash_clock (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    elapsed_s double precision NOT NULL,
    looked_at timestamptz NOT NULL
);
INSERT INTO trash_clock (elapsed_s, looked_at) VALUES (0, now());

-- Values of the clock at each sweep.
CREATE TABLE trash_marks (
    elapsed_s double precision NOT NULL,
    looked_at timestamptz NOT NULL
);
CREATE INDEX trash_marks_by_elapsed ON trash_marks (elapsed_s);
