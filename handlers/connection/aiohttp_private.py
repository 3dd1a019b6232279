"""All private names of aiohttp that the project uses, and a check of the installed version.

`mismatch` reports a version without these names. `protocol_factory` asks it at start-up and falls
back to aiohttp's own protocol.
"""

import inspect

from aiohttp import StreamReader, web

# Attributes of RequestHandler, the protocol of a connection.
ATTRIBUTES = frozenset(
    {
        "_buffer_paused",
        "_close",
        "_current_request",
        "_loop",
        "_messages",
        "_next_keepalive_close_time",
        "_reading_paused",
        "_task_handler",
        "_upgraded",
        "_waiter",
        "transport",
    }
)
# Its methods that are called or overridden, with their parameters.
METHODS = {
    "_process_keepalive": ["self"],
    "data_received": ["self", "data"],
    "finish_response": ["self", "request", "resp", "start_time"],
    "handle_error": ["self", "request", "status", "exc", "message"],
    "start": ["self"],
}
# Likewise of StreamReader, the body of a request.
BODY_METHODS = {"_read_nowait": ["self", "n"]}


def mismatch(protocol: type = web.RequestHandler, body: type = StreamReader) -> str | None:
    """The first difference between the installed aiohttp and what is used of it."""
    slots = {name for base in protocol.__mro__ for name in getattr(base, "__slots__", ())}
    if missing := ATTRIBUTES - slots:
        return f"RequestHandler has no {', '.join(sorted(missing))}"
    for kind, methods in ((protocol, METHODS), (body, BODY_METHODS)):
        if name := _changed_method(kind, methods):
            owner = "RequestHandler" if kind is protocol else "StreamReader"
            return f"{owner}.{name} takes other parameters"
    return None


def is_handling(connection: web.RequestHandler) -> bool:
    """True while a handler is at work; aiohttp waits for the next request with `_waiter`.

    A version without `_waiter` cannot be asked: its connections count as busy.
    """
    waiter = getattr(connection, "_waiter", None)
    return waiter is None or waiter.done()


def read_arrived(body: StreamReader) -> bytes:
    """The bytes that arrived before the connection broke; aiohttp keeps them, but raises instead.

    Empty for a version that cannot be asked: the client then sends them again.
    """
    if _changed_method(type(body), BODY_METHODS) is not None:
        return b""
    return body._read_nowait(-1)


def _changed_method(kind: type, methods: dict[str, list[str]]) -> str | None:
    """The name of a method that is missing or takes other parameters."""
    for name, parameters in methods.items():
        method = getattr(kind, name, None)
        if method is None or list(inspect.signature(method).parameters) != parameters:
            return name
    return None
