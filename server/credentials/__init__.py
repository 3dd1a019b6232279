"""Keys and secrets of the service, read as configured."""
