"""Representations, pictures, storyboards and text tracks, as rows."""
