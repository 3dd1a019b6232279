-- People whose data is erased: their ids, sealed, until nothing can arrive or be used any more.
-- depends: 0055_webhooks

CREATE TABLE erasures (
    id uuid PRIMARY KEY,
    sealed_user_id text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);

-- An erased enrolment stays under another name for as long as a grant of it could be used.
ALTER TABLE enrollments ADD COLUMN sealed_user_id text;
CREATE INDEX enrollments_erased ON enrollments (updated_at) WHERE sealed_user_id IS NOT NULL;
