-- Event types that were added to a webhook, each with the newest id of the log at that time: a webhook that
-- is behind takes none of them from before. Servers of the version before leave the column as it is; a type
-- that they add has no entry, and is taken from the webhook's position on.
-- depends: 0055_webhooks

ALTER TABLE webhooks ADD COLUMN added_after jsonb NOT NULL DEFAULT '{}';
