-- What failed is looked for every few seconds where an operator watches, and is rare.
-- depends: 0048_replacements 0062_large_tables
-- transactional: false

DROP INDEX IF EXISTS videos_failed;
CREATE INDEX CONCURRENTLY videos_failed ON videos (id) WHERE status = 'failed';

DROP INDEX IF EXISTS rungs_failed;
CREATE INDEX CONCURRENTLY rungs_failed ON rungs (video_id) WHERE state = 'failed';

DROP INDEX IF EXISTS replacements_failed;
CREATE INDEX CONCURRENTLY replacements_failed ON replacements (video_id)
    WHERE failure_code IS NOT NULL;
