"""Checks: what each asks of an installation, and the findings it makes of the answers."""
