DROP TABLE cmcd_sessions;
