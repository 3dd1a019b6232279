DROP INDEX replacements_failed;
DROP INDEX rungs_failed;
DROP INDEX videos_failed;
