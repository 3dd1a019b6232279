"""Remuxing: films put in order for playing without coding anything anew."""
