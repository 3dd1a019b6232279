DELETE FROM session_moments m WHERE NOT EXISTS (SELECT FROM videos v WHERE v.id = m.video_id);
ALTER TABLE session_moments ADD CONSTRAINT session_moments_video_id_fkey
    FOREIGN KEY (video_id) REFERENCES videos (id) ON DELETE CASCADE;
