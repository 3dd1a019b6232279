"""The states of a connection as a table: what each event makes of each state."""

import pytest

from handlers.connection.state import (
    BUFFERING,
    BUSY,
    PARSING,
    ConnectionEvent,
    InvalidTransition,
    State,
    next_state,
)

LIVES = [
    pytest.param(
        ["REQUEST_QUEUED", "HANDLER_READY"],
        ["HANDLING", "IDLE"],
        id="aiohttp answers",
    ),
    pytest.param(
        ["REQUEST_QUEUED", "RESPONSE_WRITTEN", "HANDLER_READY"],
        ["HANDLING", "RETURNING", "IDLE"],
        id="aiohttp has answered a report",
    ),
    pytest.param(
        ["REQUEST_QUEUED", "RESPONSE_LAUNCHED", "HANDLER_READY", "RESPONSE_SENT"],
        ["HANDLING", "LAUNCHED", "SENDING", "IDLE"],
        id="the handler returns before its response is sent",
    ),
    pytest.param(
        ["REQUEST_QUEUED", "RESPONSE_LAUNCHED", "RESPONSE_SENT", "HANDLER_READY"],
        ["HANDLING", "LAUNCHED", "RETURNING", "IDLE"],
        id="the response is sent before its handler returns",
    ),
    pytest.param(
        ["REQUEST_QUEUED", "RESPONSE_LAUNCHED", "RESPONSE_SENT", "REQUEST_QUEUED"],
        ["HANDLING", "LAUNCHED", "RETURNING", "HANDLING"],
        id="a pipelined request",
    ),
    pytest.param(
        ["SHORTCUT_TAKEN", "RESPONSE_SENT"],
        ["SENDING", "IDLE"],
        id="a shortcut",
    ),
    pytest.param(
        ["SHORTCUT_TAKEN", "RESPONSE_LAUNCHED", "RESPONSE_SENT"],
        ["SENDING", "SENDING", "IDLE"],
        id="a shortcut to a slow client",
    ),
    pytest.param(
        ["SHORTCUT_TAKEN", "SHORTCUT_DECLINED", "REQUEST_QUEUED"],
        ["SENDING", "IDLE", "HANDLING"],
        id="a shortcut that declines",
    ),
    pytest.param(
        ["REQUEST_QUEUED", "STREAM_CARRIED", "HANDLER_READY", "RESPONSE_SENT"],
        ["HANDLING", "CARRIED", "STREAMING", "IDLE"],
        id="a stream",
    ),
    pytest.param(
        ["REQUEST_QUEUED", "STREAM_CARRIED", "RESPONSE_SENT", "HANDLER_READY"],
        ["HANDLING", "CARRIED", "RETURNING", "IDLE"],
        id="a stream that ends at once",
    ),
    *(
        pytest.param(
            ["REQUEST_QUEUED", *more, "LAST_RESPONSE_SENT", "CONNECTION_LOST"],
            ["HANDLING", *states, "LINGERING", "CLOSED"],
            id=f"the last of a connection, {states[-1]}",
        )
        for more, states in [
            (["RESPONSE_LAUNCHED"], ["LAUNCHED"]),
            (["RESPONSE_LAUNCHED", "HANDLER_READY"], ["LAUNCHED", "SENDING"]),
            (["STREAM_CARRIED"], ["CARRIED"]),
            (["STREAM_CARRIED", "HANDLER_READY"], ["CARRIED", "STREAMING"]),
        ]
    ),
    *(
        pytest.param(
            ["REQUEST_QUEUED", *more, "RESPONSE_ABORTED", "CONNECTION_LOST"],
            ["HANDLING", *states, "CLOSED", "CLOSED"],
            id=f"aborted, {states[-1]}",
        )
        for more, states in [
            (["RESPONSE_LAUNCHED"], ["LAUNCHED"]),
            (["RESPONSE_LAUNCHED", "HANDLER_READY"], ["LAUNCHED", "SENDING"]),
            (["STREAM_CARRIED"], ["CARRIED"]),
            (["STREAM_CARRIED", "HANDLER_READY"], ["CARRIED", "STREAMING"]),
        ]
    ),
    pytest.param(
        [
            "REQUEST_QUEUED",
            "RESPONSE_LAUNCHED",
            "LAST_RESPONSE_SENT",
            "HANDLER_READY",
        ],
        ["HANDLING", "LAUNCHED", "LINGERING", "LINGERING"],
        id="the handler returns after the last response",
    ),
    pytest.param(
        [
            "REQUEST_QUEUED",
            "RESPONSE_LAUNCHED",
            "RESPONSE_ABORTED",
            "HANDLER_READY",
        ],
        ["HANDLING", "LAUNCHED", "CLOSED", "CLOSED"],
        id="the handler returns after its response was aborted",
    ),
]


@pytest.mark.parametrize(("events", "states"), LIVES)
def test_a_connection_goes_through(events: list[str], states: list[str]) -> None:
    state, seen = State.IDLE, []
    for event in events:
        state = next_state(state, ConnectionEvent[event])
        seen.append(state.name)

    assert seen == states


@pytest.mark.parametrize("state", State)
def test_every_connection_can_be_lost(state: State) -> None:
    assert next_state(state, ConnectionEvent.CONNECTION_LOST) is State.CLOSED


@pytest.mark.parametrize(
    ("state", "event"),
    [
        pytest.param(State.SENDING, ConnectionEvent.REQUEST_QUEUED, id="input is buffered"),
        pytest.param(State.IDLE, ConnectionEvent.HANDLER_READY, id="it waits already"),
        pytest.param(State.IDLE, ConnectionEvent.RESPONSE_LAUNCHED, id="nothing was asked"),
        pytest.param(
            State.HANDLING, ConnectionEvent.SHORTCUT_TAKEN, id="responses keep their order"
        ),
        pytest.param(State.HANDLING, ConnectionEvent.RESPONSE_SENT, id="aiohttp writes"),
        pytest.param(State.LAUNCHED, ConnectionEvent.RESPONSE_LAUNCHED, id="one at a time"),
        pytest.param(
            State.LAUNCHED, ConnectionEvent.STREAM_CARRIED, id="a stream is another response"
        ),
        pytest.param(
            State.STREAMING, ConnectionEvent.SHORTCUT_TAKEN, id="a stream holds the transport"
        ),
        pytest.param(State.LINGERING, ConnectionEvent.REQUEST_QUEUED, id="input is discarded"),
        pytest.param(State.CLOSED, ConnectionEvent.RESPONSE_LAUNCHED, id="nowhere to send"),
    ],
)
def test_what_cannot_happen_is_a_local_fault(state: State, event: ConnectionEvent) -> None:
    with pytest.raises(InvalidTransition, match=f"^{event.name} in {state.name}$"):
        next_state(state, event)


@pytest.mark.parametrize(
    ("state", "input_is", "is_busy"),
    [
        (State.IDLE, "parsed", False),
        (State.HANDLING, "parsed", True),
        (State.RETURNING, "buffered", True),
        (State.LAUNCHED, "buffered", True),
        (State.SENDING, "buffered", True),
        (State.CARRIED, "buffered", True),
        (State.STREAMING, "buffered", True),
        (State.LINGERING, "discarded", False),
        (State.CLOSED, "discarded", False),
    ],
)
def test_a_state_says_what_becomes_of_input(state: State, input_is: str, is_busy: bool) -> None:
    found = {"buffered": state in BUFFERING, "parsed": state in PARSING}

    assert found == {"buffered": input_is == "buffered", "parsed": input_is == "parsed"}
    assert (state in BUSY) == is_busy
