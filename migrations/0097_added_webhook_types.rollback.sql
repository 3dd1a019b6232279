ALTER TABLE webhooks DROP COLUMN added_after;
