"""Courses: the order of modules and videos."""
