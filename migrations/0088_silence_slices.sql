-- Open playback sessions in 256 slices, each read when one of its sessions may have fallen silent. No
-- report changes a column of the index: the row is still updated in place. Processes of the version before
-- read open sessions by way of playback_sessions_open_of_video. A run that was killed is repeated.
-- depends: 0087_storage_counted
-- transactional: false

CREATE TABLE IF NOT EXISTS silence_slices (
    slice integer PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    playing integer NOT NULL,
    paused integer NOT NULL
) WITH (fillfactor = 25);

INSERT INTO silence_slices (slice, playing, paused)
SELECT slice, count(*) FILTER (WHERE state = 'playing'), count(*) FILTER (WHERE state = 'paused')
FROM generate_series(0, 255) AS slice
LEFT JOIN playback_sessions
    ON state <> 'stopped' AND hashtext(user_id || session_id) & 255 = slice
GROUP BY slice
ON CONFLICT DO NOTHING;

DROP INDEX IF EXISTS playback_sessions_sliced;
CREATE INDEX CONCURRENTLY playback_sessions_sliced
    ON playback_sessions ((hashtext(user_id || session_id) & 255)) WHERE state <> 'stopped';

DROP INDEX IF EXISTS playback_sessions_open;
