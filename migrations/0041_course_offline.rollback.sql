ALTER TABLE courses DROP COLUMN offline;
