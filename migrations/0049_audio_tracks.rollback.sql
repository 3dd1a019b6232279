ALTER TABLE videos DROP COLUMN audio_tracks;
