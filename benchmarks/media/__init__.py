"""Measures what becomes of films: uploads, imports, pictures, ladders."""
