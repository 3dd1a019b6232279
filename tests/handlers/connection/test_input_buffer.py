"""The bound of buffered input."""

from types import SimpleNamespace

import pytest

from handlers.connection.input_buffer import BUFFERED_BYTES, InputBuffer


class Handler:
    """Notes when its transport was to stop and to go on reading."""

    def __init__(self, *, is_lost=False):
        self.calls = []
        pause = SimpleNamespace(pause_reading=lambda: self.calls.append("pause"))
        self.transport = None if is_lost else pause

    def resume_input(self):
        self.calls.append("resume")


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [
        ([0], []),
        ([1], []),
        ([BUFFERED_BYTES - 1], []),
        ([BUFFERED_BYTES], ["pause", "resume"]),
        ([BUFFERED_BYTES + 1], ["pause", "resume"]),
        ([BUFFERED_BYTES - 1, 1], ["pause", "resume"]),
    ],
)
def test_the_transport_stops_at_the_bound_and_goes_on_when_it_is_taken(sizes, calls):
    handler = Handler()
    buffer = InputBuffer(handler)
    for size in sizes:
        buffer.add(b"x" * size)

    assert len(buffer) == sum(sizes)
    assert buffer.take() == b"x" * sum(sizes)
    assert handler.calls == calls


def test_input_of_a_lost_connection_pauses_nothing():
    buffer = InputBuffer(Handler(is_lost=True))

    buffer.add(b"x" * BUFFERED_BYTES)

    assert len(buffer) == BUFFERED_BYTES


def test_pieces_keep_their_order():
    buffer = InputBuffer(Handler())
    for piece in (b"GET /", b"", b"a HTTP/1.1"):
        buffer.add(piece)

    assert buffer.take() == b"GET /a HTTP/1.1"
