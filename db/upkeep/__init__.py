"""What reconciling, trash and storage identity ask the database."""
