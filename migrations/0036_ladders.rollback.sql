CREATE OR REPLACE VIEW storage_used AS
SELECT coalesce((SELECT sum(original_size_bytes) FROM videos
                 WHERE status NOT IN ('ready', 'announced')), 0)
     + coalesce((SELECT sum(size_bytes) FROM representations), 0)
     + coalesce((SELECT sum(size_bytes) FROM thumbnails), 0)
     + coalesce((SELECT sum(size_bytes) FROM storyboard_files), 0) AS used_bytes;
DROP TABLE ladder_files;
DROP TABLE rungs;
DROP TABLE ladder_pieces;
DROP TABLE ladders;
