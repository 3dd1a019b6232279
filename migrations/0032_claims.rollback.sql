DROP TABLE playback_session_names;
ALTER TABLE progress DROP COLUMN capped;
ALTER TABLE playback_sessions
    DROP COLUMN claims_since,
    DROP COLUMN claims_until,
    DROP COLUMN allowed_s,
    DROP COLUMN counted_s;
