DROP FUNCTION delete_files_of_video();
DROP FUNCTION count_original();
DROP FUNCTION count_replacement();
DROP FUNCTION count_file();
DROP VIEW storage_differences;
DROP VIEW course_storage;
DROP TABLE storage_changes;
DROP TABLE storage_of_courses;
