"""Facts of frequently played videos, and what pressing play reads."""
