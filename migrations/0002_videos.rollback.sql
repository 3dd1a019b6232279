DROP TABLE thumbnails;
DROP TABLE representations;
DROP TABLE videos;
