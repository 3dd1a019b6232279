"""Captions and chapters: WebVTT and SRT read, WebVTT written."""
