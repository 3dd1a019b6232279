"""Use of the limits per user, shared by all processes and machines."""
