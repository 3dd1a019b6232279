"""Metrics wiring: what is followed, and the listener that serves it."""
