"""Thumbnails and storyboards, made in the sandbox."""
