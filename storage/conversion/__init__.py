"""Conversions: films decoded and coded anew for browsers."""
