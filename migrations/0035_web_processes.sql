-- Web processes that share this database, by which readyz finds one whose secrets differ.
-- depends: 0029_open_uploads

CREATE TABLE web_processes (
    id uuid PRIMARY KEY,
    host text NOT NULL,
    -- SHA-256 of what signs and verifies tokens; the secrets cannot be computed from it.
    secrets_sha256 text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
