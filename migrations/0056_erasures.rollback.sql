DELETE FROM enrollments WHERE sealed_user_id IS NOT NULL;
ALTER TABLE enrollments DROP COLUMN sealed_user_id;
DROP TABLE erasures;
