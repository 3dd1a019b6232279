-- The time of each change of figures that waits to be added, so that operators see when none is added.
-- Those that wait at the moment count from now on.
-- depends: 0050_viewing

ALTER TABLE viewing_changes ADD COLUMN added_at timestamptz NOT NULL DEFAULT now();
