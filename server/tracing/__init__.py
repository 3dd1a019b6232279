"""Traces of videos for an OpenTelemetry collector."""
