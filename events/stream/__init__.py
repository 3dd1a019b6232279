"""Live event streams: who hears what, and as which bytes."""
