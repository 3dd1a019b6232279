"""Containers of uploads: which one a file is in, and whether all of it is there, without FFmpeg."""
