-- Holders of resumable uploads: which claim may write, into which of several files.
-- depends: 0037_media_differences

ALTER TABLE uploads
    -- The claim that writes. What an earlier one writes later is not counted.
    ADD COLUMN holder bigint NOT NULL DEFAULT 0,
    -- Where the bytes of each file begin; a holder that hangs keeps its file, the next one begins
    -- another.
    ADD COLUMN file_starts bigint[] NOT NULL DEFAULT '{0}',
    -- Refreshed while its holder makes a video of it.
    ADD COLUMN completing_at timestamptz;
