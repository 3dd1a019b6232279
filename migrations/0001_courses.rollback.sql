DROP TABLE enrollments;
DROP TABLE modules;
DROP TABLE courses;
