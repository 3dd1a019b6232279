"""States of a connection and the events that change them, as a table.

Pure. A state says which party acts next, and so what becomes of input: parsed, buffered or
discarded. The form is that of h11's `_state.py`: an event that a state does not list is a fault
of this process, never of the client. How the client's side ends is data of `closing`.
"""

from enum import StrEnum


class State(StrEnum):
    """`handler` is aiohttp's: it has returned when aiohttp waits for the next request."""

    IDLE = "aiohttp waits for a request, or has no task yet"
    HANDLING = "a handler runs"
    RETURNING = "the response is complete, its handler has not returned"
    LAUNCHED = "a response is being sent, its handler has not returned"
    SENDING = "a response is being sent without a handler"
    CARRIED = "a stream goes on, its handler has not returned"
    STREAMING = "a stream goes on without a handler"
    LINGERING = "the last response is complete, the client may close"
    CLOSED = "the connection is gone"


class ConnectionEvent(StrEnum):
    HANDLER_READY = "aiohttp waits for the next request"
    REQUEST_QUEUED = "aiohttp has a request to handle"
    SHORTCUT_TAKEN = "a request is being answered without aiohttp"
    SHORTCUT_DECLINED = "that request goes to aiohttp after all"
    RESPONSE_LAUNCHED = "a response is sent by the connection itself"
    STREAM_CARRIED = "a stream was left to the connection"
    RESPONSE_WRITTEN = "aiohttp has written a whole response"
    RESPONSE_SENT = "a response or stream of the connection's own is complete"
    LAST_RESPONSE_SENT = "the same, and no request may follow"
    RESPONSE_ABORTED = "a response or stream cannot become complete"
    CONNECTION_LOST = "the transport is closed"


# Input arrives in order: what may not be parsed yet is buffered.
BUFFERING = frozenset(
    {
        State.RETURNING,
        State.LAUNCHED,
        State.SENDING,
        State.CARRIED,
        State.STREAMING,
    }
)
PARSING = frozenset({State.IDLE, State.HANDLING})
BUSY = BUFFERING | {State.HANDLING}

TRANSITIONS: dict[State, dict[ConnectionEvent, State]] = {
    State.IDLE: {
        ConnectionEvent.REQUEST_QUEUED: State.HANDLING,
        ConnectionEvent.SHORTCUT_TAKEN: State.SENDING,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.HANDLING: {
        ConnectionEvent.HANDLER_READY: State.IDLE,
        ConnectionEvent.RESPONSE_LAUNCHED: State.LAUNCHED,
        ConnectionEvent.STREAM_CARRIED: State.CARRIED,
        ConnectionEvent.RESPONSE_WRITTEN: State.RETURNING,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.RETURNING: {
        ConnectionEvent.HANDLER_READY: State.IDLE,
        # A pipelined request: aiohttp takes it without waiting for one.
        ConnectionEvent.REQUEST_QUEUED: State.HANDLING,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.LAUNCHED: {
        ConnectionEvent.HANDLER_READY: State.SENDING,
        ConnectionEvent.RESPONSE_SENT: State.RETURNING,
        ConnectionEvent.LAST_RESPONSE_SENT: State.LINGERING,
        ConnectionEvent.RESPONSE_ABORTED: State.CLOSED,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.SENDING: {
        # The rest of what a shortcut could not send at once.
        ConnectionEvent.RESPONSE_LAUNCHED: State.SENDING,
        ConnectionEvent.SHORTCUT_DECLINED: State.IDLE,
        ConnectionEvent.RESPONSE_SENT: State.IDLE,
        ConnectionEvent.LAST_RESPONSE_SENT: State.LINGERING,
        ConnectionEvent.RESPONSE_ABORTED: State.CLOSED,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.CARRIED: {
        ConnectionEvent.HANDLER_READY: State.STREAMING,
        ConnectionEvent.RESPONSE_SENT: State.RETURNING,
        ConnectionEvent.LAST_RESPONSE_SENT: State.LINGERING,
        ConnectionEvent.RESPONSE_ABORTED: State.CLOSED,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.STREAMING: {
        # aiohttp's task was ended for the stream: the next request begins another.
        ConnectionEvent.RESPONSE_SENT: State.IDLE,
        ConnectionEvent.LAST_RESPONSE_SENT: State.LINGERING,
        ConnectionEvent.RESPONSE_ABORTED: State.CLOSED,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.LINGERING: {
        ConnectionEvent.HANDLER_READY: State.LINGERING,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
    State.CLOSED: {
        ConnectionEvent.HANDLER_READY: State.CLOSED,
        ConnectionEvent.CONNECTION_LOST: State.CLOSED,
    },
}


class InvalidTransition(Exception):
    """The event cannot happen in this state."""

    def __init__(self, state: State, event: ConnectionEvent) -> None:
        super().__init__(f"{event.name} in {state.name}")


def next_state(state: State, event: ConnectionEvent) -> State:
    """Raises: InvalidTransition."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise InvalidTransition(state, event) from None
