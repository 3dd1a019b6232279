DROP TABLE text_tracks;
