"""Composition: knows everything, is known by nothing."""
