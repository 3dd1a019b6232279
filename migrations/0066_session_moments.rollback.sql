DROP TABLE session_moments;
