"""How the bytes of a representation reach a client."""
