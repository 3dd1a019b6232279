"""The watch on transfers: what it sees of a viewer in a second, whatever the number of requests."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from events.insight.sessions.observations import Observations, Window
from handlers.transfers.figures import Doing
from handlers.transfers.transfers import Transfer, Transfers
from handlers.transfers.watching import TransferWatch

VIDEO = uuid4()


class Watched:
    """Transfers of viewers, and what a watch sees of them."""

    def __init__(self) -> None:
        self.transfers, self.observations = Transfers(), Observations()
        self.watch = TransferWatch(self.transfers, self.observations, lambda: 0.0)

    def begin(self, doing: Doing, session_id: str = "s", video_id: UUID = VIDEO) -> Transfer:
        transfer = self.transfers.open("ada", "c1", video_id, "stream", session_id=session_id)
        transfer.doing = lambda: doing
        return transfer

    def window(self, session_id: str = "s") -> Window:
        windows = self.observations._windows.peek(("ada", VIDEO, session_id))
        assert windows
        return windows[-1]


@pytest.fixture
async def watched() -> Watched:
    return Watched()


@pytest.mark.parametrize(
    ("states", "seconds"),
    [
        pytest.param([Doing.CLIENT] * 3, (1, 0, 0), id="three-requests-are-one-wait"),
        pytest.param([Doing.DISK, Doing.DISK, Doing.CLIENT], (1, 1, 0), id="each-kind-once"),
        pytest.param([Doing.PACED], (0, 0, 1), id="paced"),
        pytest.param([Doing.SENDING], (1, 0, 0), id="sending"),
    ],
)
async def test_waits_of_a_second(watched: Watched, states: Any, seconds: Any) -> None:
    for doing in states:
        watched.begin(doing).sent_bytes = 10

    await watched.watch.look()

    window = watched.window()
    assert (window.client_s, window.disk_s, window.paced_s) == seconds
    assert (window.watched_s, window.sent_bytes) == (1.0, 10 * len(states))


async def test_two_tabs_are_two_viewers(watched: Watched) -> None:
    watched.begin(Doing.CLIENT, "first")
    watched.begin(Doing.DISK, "second")

    await watched.watch.look()

    assert (watched.window("first").disk_s, watched.window("second").disk_s) == (0.0, 1.0)


async def test_bytes_count_once(watched: Watched) -> None:
    transfer = watched.begin(Doing.CLIENT)
    for sent_bytes in (10, 10, 25):
        transfer.sent_bytes = sent_bytes
        await watched.watch.look()

    assert watched.window().sent_bytes == 25
