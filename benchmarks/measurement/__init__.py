"""Measuring: an isolated place, loads, rounds, and figures of many rounds."""
