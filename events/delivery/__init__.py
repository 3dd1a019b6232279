"""Delivery of logged events to other systems: webhooks, a learning record store."""
