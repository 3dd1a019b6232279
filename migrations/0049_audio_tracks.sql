-- The sounds of the file that is served: a list of {language, title, is_default}; NULL until they were
-- looked at.
-- depends: 0048_replacements

ALTER TABLE videos ADD COLUMN audio_tracks jsonb;
