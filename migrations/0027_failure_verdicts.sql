-- A failure unrelated to the film can be retried: killed workers, time-outs, a full disk.
-- depends: 0022_playing_from_s3

ALTER TABLE videos ADD COLUMN is_failure_final boolean NOT NULL DEFAULT false;

-- Killed children were recorded under the other codes, among true verdicts: all those are retried.
UPDATE videos SET is_failure_final = true
WHERE failure_code IN ('undecodable', 'unsupported-format', 'no-video', 'too-complex');

DELETE FROM unmakable WHERE code IN ('internal', 'timed-out', 'out-of-space');

UPDATE s3_objects SET refused_for = NULL WHERE refused_for IN (
    'Examining or converting the video failed unexpectedly.',
    'Examining or converting the video took too long.');
