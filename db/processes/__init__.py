"""A clock for all processes of an installation, turns that one takes, and a list of them."""
