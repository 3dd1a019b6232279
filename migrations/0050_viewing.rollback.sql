DROP AGGREGATE viewers_union(varbit);
DROP FUNCTION viewers_united(varbit, varbit);
DROP TABLE viewing_upkeep;
DROP TABLE viewing_curves;
DROP TABLE viewing_days;
DROP TABLE viewing_changes;
DROP TABLE course_viewers;
