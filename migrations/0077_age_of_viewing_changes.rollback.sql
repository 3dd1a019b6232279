ALTER TABLE viewing_changes DROP COLUMN added_at;
