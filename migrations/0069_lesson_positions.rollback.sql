ALTER TABLE videos DROP COLUMN position;
