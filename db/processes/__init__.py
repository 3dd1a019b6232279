"""What processes share in the database besides rows: a clock, turns, a list of themselves."""
