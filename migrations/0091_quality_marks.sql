-- Has all days of quality summed up, in the background. Apart from the triggers: reading all days takes
-- long on a large installation, and nobody waits for it here.
-- depends: 0090_quality_sums

INSERT INTO quality_unsummed (course_id, day)
SELECT course_id, day FROM quality_days EXCEPT SELECT course_id, day FROM quality_unsummed;
