"""The check of the installed aiohttp, and what holds where it differs."""

import ast
import asyncio
from pathlib import Path

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol

from handlers.connection import aiohttp_private
from handlers.connection.aiohttp_private import (
    connection_count,
    is_handling,
    mismatch,
    read_arrived,
)

ROOT = Path(__file__).parents[3]
FLOORS = ("handlers", "server", "events", "storage", "db")


def test_the_installed_aiohttp_is_as_expected():
    assert mismatch() is None


class Stripped:
    __slots__ = ("_messages",)

    def data_received(self, data):
        pass


class OtherParameters(web.RequestHandler):
    __slots__ = ()

    def data_received(self, data, extra=None):
        pass


class OtherWaiting(web.RequestHandler):
    __slots__ = ()

    async def start(self):
        raise AssertionError


class OtherEnding(web.RequestHandler):
    __slots__ = ()

    def connection_lost(self, exc):
        self._message_tail = self._message_tail[:0]


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        (Stripped, "has no _buffer_paused, _cache"),
        (OtherParameters, "data_received takes other"),
        (OtherEnding, "reads _message_tail before it parses"),
        (OtherWaiting, "waits for requests in another way"),
    ],
)
def test_another_aiohttp_is_noticed(protocol, reason):
    assert reason in mismatch(protocol)


class OtherBody(StreamReader):
    def _read_nowait(self, n, wait):  # type: ignore[override]
        raise AssertionError


def test_another_body_is_noticed():
    told = mismatch(body=OtherBody)

    assert told == "StreamReader._read_nowait takes other parameters"


def broken_body(kind):
    """A body of which some bytes arrived before the connection broke."""
    body = kind(BaseProtocol(asyncio.get_running_loop()), 2**16)
    body.feed_data(b"arrived")
    body.set_exception(ConnectionResetError())
    return body


async def test_what_arrived_is_read_after_the_connection_broke():
    body = broken_body(StreamReader)

    assert read_arrived(body) == b"arrived"


async def test_of_another_body_nothing_is_read():
    body = broken_body(OtherBody)

    assert read_arrived(body) == b""


def test_a_connection_that_cannot_be_asked_counts_as_busy():
    assert is_handling(object())


def test_no_other_module_reads_private_names_of_aiohttp():
    """Attributes of `self` are a class's own, except in the room of the connection."""
    names = {*aiohttp_private.ATTRIBUTES, *aiohttp_private.METHODS, *aiohttp_private.BODY_METHODS}
    private = {name for name in names if name.startswith("_")}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            if path.name == "aiohttp_private.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in private:
                    assert path.parent.name != "connection", f"{path}: {node.attr}"
                    assert ast.unparse(node.value) in ("self", "super()"), f"{path}: {node.attr}"


@pytest.mark.parametrize("is_listed", [False, True], ids=["as expected", "another aiohttp"])
def test_connections_are_counted(is_listed):
    """Each new one is: a list of ten thousand, made for that, took longer than all else."""

    class Installed:
        _connections = dict.fromkeys(range(3))

        @property
        def connections(self):
            raise AssertionError

    class Another:
        connections = range(3)

    assert connection_count(Another() if is_listed else Installed()) == 3


async def test_the_installed_server_keeps_its_connections_as_expected():
    async def handle(request):
        raise AssertionError

    assert web.Server(handle)._connections == {}
