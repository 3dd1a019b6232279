-- Moments refer to their video no more. Whoever stores reports holds the rows of their viewers, and this
-- key then waited for the video; whoever replaces its film holds the video, and waits for those rows.
-- Purging a video deletes its moments by itself; one that comes later goes when it is old.
-- depends: 0092_hours_of_progress

-- In turns, since readers and writers of videos queue up behind a lock that is waited for.
DO $$ BEGIN
    FOR attempt IN 1..600 LOOP
        BEGIN
            SET LOCAL lock_timeout = '200ms';
            ALTER TABLE session_moments DROP CONSTRAINT session_moments_video_id_fkey;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    RAISE 'the moments of sessions are always locked: run this migration again';
END $$;
