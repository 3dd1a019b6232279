"""The event log, as rows, partitions and notifications."""
