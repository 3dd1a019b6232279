"""Lessons kept offline: the licences, and the hashes of the files that they name."""
