"""Files of uploads that are not yet published."""
