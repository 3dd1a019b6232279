-- May lessons of the course be kept offline?
-- depends: 0040_file_pieces

ALTER TABLE courses ADD COLUMN offline boolean NOT NULL DEFAULT true;
