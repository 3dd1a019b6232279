"""The log of what happened: event types, append, tail, retention."""
