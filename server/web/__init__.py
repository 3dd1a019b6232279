"""The web process: application, listeners, middlewares, worker processes."""
