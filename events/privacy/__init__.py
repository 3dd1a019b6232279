"""Names that stand for people, and texts that only this installation reads."""
