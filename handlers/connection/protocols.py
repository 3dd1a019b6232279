"""The protocol of new connections."""

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from handlers.connection.aiohttp_private import idle_watch, is_handling, mismatch
from handlers.connection.connection import Connection
from handlers.connection.shortcuts.range_shortcut import RangeShortcut
from handlers.connection.shortcuts.report_shortcut import ReportShortcut
from handlers.connection.shortcuts.shortcut_connection import ShortcutConnection
from handlers.connection.state import BUSY

logger = logging.getLogger(__name__)


def protocol_factory(
    server: web.Server,
    *,
    keepalive_timeout_s: float = 75.0,
    range_shortcut: RangeShortcut | None = None,
    report_shortcut: ReportShortcut | None = None,
) -> Callable[[], web.RequestHandler]:
    """Makes the protocol of a connection: ours, or aiohttp's own where it is not as expected. For
    connections of a listener that was prepared."""
    options: dict[str, Any] = {
        "loop": asyncio.get_running_loop(),
        "keepalive_timeout": keepalive_timeout_s,
        "access_log": None,
        # Encoded bodies are refused. Decoding one here would take a thousand times its size before
        # a handler could refuse it.
        "auto_decompress": False,
    }
    if found := mismatch():
        logger.warning("videos are sent more slowly: %s", found)
        return partial(web.RequestHandler, server, **options)
    idle = idle_watch(keepalive_timeout_s)
    if range_shortcut is None and report_shortcut is None:
        return partial(Connection, server, idle, options)
    return partial(ShortcutConnection, server, idle, options, range_shortcut, report_shortcut)


def prepare(listener: socket.socket) -> None:
    """Gives it the options that its connections inherit, on Linux: setting them on each took as
    long as all else at its beginning."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def is_busy(connection: web.RequestHandler) -> bool:
    """True if a request of it is being received or answered."""
    if isinstance(connection, Connection):
        return connection.state in BUSY
    return is_handling(connection)
