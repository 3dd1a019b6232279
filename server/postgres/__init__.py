"""The PostgreSQL that `serve` brings along."""
