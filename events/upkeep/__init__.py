"""Files and rows kept in agreement, and what is accounted."""
