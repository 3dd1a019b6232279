"""Rows of resumable uploads, and the processes that may write to them."""
