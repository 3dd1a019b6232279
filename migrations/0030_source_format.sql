-- The format that a video was uploaded in, by its content: the extension of its original. In rows
-- without one it is the format that the video was to be served in.
-- depends: 0029_open_uploads

ALTER TABLE videos ADD COLUMN source_format text;
