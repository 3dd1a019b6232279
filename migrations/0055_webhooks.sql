-- Receivers of events, and copies of the events that wait for them or could not be delivered.
-- depends: 0045_timelines

CREATE TABLE webhooks (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('webhook', 'xapi')),
    url text NOT NULL,
    types text[] NOT NULL,
    sealed_secret text NOT NULL,
    position bigint NOT NULL,  -- the last event of the log that was looked at
    lost_count bigint NOT NULL DEFAULT 0,  -- events that the log dropped, beyond those kept here
    last_delivered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE webhook_deliveries (
    webhook_id text NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id bigint NOT NULL,
    type text NOT NULL,
    video_id uuid,
    course_id text NOT NULL,
    user_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    failure text,  -- of the last attempt
    died_at timestamptz,  -- no further attempt is made
    PRIMARY KEY (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, event_id)
    WHERE died_at IS NULL;
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (died_at) WHERE died_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_user ON webhook_deliveries (user_id);
