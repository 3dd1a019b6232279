"""Tasks, threads, waits and caches of one process; knows nothing of videos, files or SQL."""
