"""Settings: their definitions and the parsing of their values."""
