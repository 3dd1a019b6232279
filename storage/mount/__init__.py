"""The file system that the storage lies on: its features and its free space."""
