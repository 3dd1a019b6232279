"""The PostgreSQL server: its facts, and the migrations of its schema."""
