"""Figures of viewing: stored with the reports they come from, added up, recounted and read."""
