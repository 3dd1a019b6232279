-- Durations of the steps of media work, as all workers together have counted them: how many took up
-- to each bound, by how they ended. For the metrics; workers answer no requests.
-- depends: 0062_large_tables

CREATE TABLE media_steps (
    step text NOT NULL,
    outcome text NOT NULL,
    counts bigint[] NOT NULL,
    total_s double precision NOT NULL,
    PRIMARY KEY (step, outcome)
);
