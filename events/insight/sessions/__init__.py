"""Single playback sessions: what players said, what the server saw, and the cause of stalls."""
