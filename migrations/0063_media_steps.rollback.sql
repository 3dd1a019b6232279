DROP TABLE media_steps;
