"""Access control: tokens, grants, rights, revocation, rate limits."""
