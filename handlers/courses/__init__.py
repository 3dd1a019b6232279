"""Courses, modules, enrolments, and their videos."""
