"""Figures of viewing: kept up to date from the reports' changes, compared with their progress."""
