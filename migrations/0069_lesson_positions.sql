-- Where a lesson stands in its module: by position, then those without one, oldest first.
-- depends: 0049_audio_tracks

ALTER TABLE videos ADD COLUMN position integer;
