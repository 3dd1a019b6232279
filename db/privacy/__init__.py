"""The rows that are about one person: shown to them, or made anonymous."""
