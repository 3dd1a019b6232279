"""Measures the service beyond bytes: pressing play, pictures, reports, events, figures."""
