-- Index of the events that a webhook could not be told, in their order.
-- depends: 0055_webhooks

CREATE INDEX webhook_deliveries_given_up ON webhook_deliveries (webhook_id, event_id)
    WHERE died_at IS NOT NULL;
