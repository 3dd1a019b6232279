"""Progress and playback sessions, as rows."""
