DROP TRIGGER count_course_change ON courses;
DROP TRIGGER count_module_change ON modules;
DROP TRIGGER count_video_change ON event_log;
DROP FUNCTION count_course_change();
DROP FUNCTION count_module_change();
DROP FUNCTION count_video_change();
DROP FUNCTION count_outline_change(text);
DROP TABLE outline_versions;
DROP TABLE video_versions;
