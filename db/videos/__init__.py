"""Rows of videos, their processing, and the films that replace theirs."""
