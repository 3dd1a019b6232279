"""Progress reports: merging, storing, playback sessions."""
