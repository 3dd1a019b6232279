"""Playback: grants, and the bytes of videos, pictures and captions."""
