"""Analytics over HTTP: figures of courses and videos, as JSON and as CSV."""
