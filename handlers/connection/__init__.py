"""The socket of a client: its state, and requests answered on it."""
