ALTER TABLE videos DROP COLUMN is_failure_final;
