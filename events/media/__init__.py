"""From an uploaded file to a video with pictures."""
