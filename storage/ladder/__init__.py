"""The adaptive ladder: a film in several sizes, planned, and encoded piece by piece."""
