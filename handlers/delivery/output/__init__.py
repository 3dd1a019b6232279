"""The way of the bytes out of a connection: paced, watched, and waited for."""
