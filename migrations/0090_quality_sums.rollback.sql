DROP TRIGGER quality_of_video ON videos;
DROP TRIGGER quality_deleted ON quality_days;
DROP TRIGGER quality_changed ON quality_days;
DROP TRIGGER quality_added ON quality_days;
DROP FUNCTION unsum_quality_of_video();
DROP FUNCTION unsum_quality_of_days();
DROP TABLE quality_unsummed;
DROP TABLE quality_sums;
