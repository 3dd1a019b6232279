"""The fixtures of a server that delivers one file, and both event loops that it may run on."""

from tests.handlers.delivering import (
    connected,
    content,
    launching,
    long_video,
    pytest_asyncio_loop_factories,
    serving,
    tls,
    video,
    writing,
)

__all__ = [
    "connected",
    "content",
    "launching",
    "long_video",
    "pytest_asyncio_loop_factories",
    "serving",
    "tls",
    "video",
    "writing",
]
