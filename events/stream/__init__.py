"""Live event streams: hub, subscribers, visibility, frames."""
