"""Upkeep: reconciling files and rows, trash, repairs, accounting of bytes."""
