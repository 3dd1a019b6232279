"""Uploads over HTTP: tus, its headers, and the form."""
