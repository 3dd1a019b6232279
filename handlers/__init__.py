"""HTTP handlers: endpoints, access checks, delivery of bytes."""
