"""Examination of a running installation through its proxies."""
