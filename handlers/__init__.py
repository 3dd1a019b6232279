"""HTTP: request in, response out."""
