"""Servers that are measured, and how they are started."""
