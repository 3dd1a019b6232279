"""SQL; knows no HTTP, no files, no events."""
