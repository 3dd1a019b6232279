"""Measures how fast videos are served, beside other servers on the same machine."""
