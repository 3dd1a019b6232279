DROP TABLE playback_sessions;
DROP TABLE progress;
DROP FUNCTION watched_length(nummultirange);
DROP FUNCTION watched_union(nummultirange, nummultirange);
