DROP TABLE media_differences;
