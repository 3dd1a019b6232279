"""Files of a ladder, written in sandboxed children."""
