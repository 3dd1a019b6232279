"""Composition root: builds the application from the settings; no other floor imports it."""
