"""The web process: listeners, middlewares, processes."""
