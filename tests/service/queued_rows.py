"""Rows of work that waits: renditions of all videos, and events for a webhook."""

UNFINISHED = """
INSERT INTO ladders (video_id, work_id, options, source_sha256, state)
SELECT id, gen_random_uuid(), 'auto', '', 'processing' FROM videos;
INSERT INTO rungs (video_id, name, kind, position, state)
SELECT id, state, 'video', 1, state
FROM videos, unnest(ARRAY['waiting', 'processing', 'ready', 'failed']) AS state;
"""

DELIVERIES = """
INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)
VALUES ('w', 'webhook', 'https://h', ARRAY['video.ready'], '', 0);
INSERT INTO webhook_deliveries (webhook_id, event_id, type, video_id, course_id, user_id,
    occurred_at, payload, died_at)
SELECT 'w', n, 'video.ready', gen_random_uuid(), 'c1', 'u', now() - n * interval '1 hour', '{}',
    CASE WHEN n > 3 THEN now() END
FROM generate_series(1, 5) AS n;
"""
