DROP TABLE trash_marks;
DROP TABLE trash_clock;
