DROP TABLE bytes_served_writers;
DROP TABLE bytes_served;
