"""The file system that the storage lies on: its features, its identity, its locks."""
