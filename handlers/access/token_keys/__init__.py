"""Keys that verify the tokens of an issuer."""
