"""Use cases: events, their subscribers, and the work that follows from them."""
