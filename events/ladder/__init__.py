"""The adaptive ladder of a video: its jobs, the files made, their publication."""
