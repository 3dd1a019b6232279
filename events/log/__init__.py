"""The event log: event types, append, tail, retention."""
