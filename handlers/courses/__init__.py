"""Courses, modules, enrolments, and the videos in them."""
