DROP TABLE s3_modules;
DROP TABLE s3_objects;
