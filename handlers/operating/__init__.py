"""Operation of a process: its health and its metrics over HTTP."""
