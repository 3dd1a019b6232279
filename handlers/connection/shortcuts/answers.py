"""Answers to repeat range requests: those that one turn of the event loop decides go in the next.

Each step is taken for all of them before the next: admission, sending, accounts. So each finds its
code and data in the processor's cache, and nothing of ours delays a client between two answers.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

from events.distributions import SHORT_BOUNDS_S, Distribution
from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.pump import PumpSettings, Send
from handlers.delivery.ranges import ByteSpan
from handlers.transfers.transfers import Tally, Transfer


class Admission(Protocol):
    """The recipient and its limits."""

    @property
    def is_paced(self) -> bool: ...

    @property
    def tally(self) -> Tally: ...

    @property
    def limited_viewer(self) -> str: ...

    def admits(self, begun: int) -> bool:
        """True if the limits of the user allow one more, even if so many others that have begun
        become streams. Consumes from them if so: called last."""
        ...

    def open_admitted(self) -> Transfer: ...


class ShortcutAnswer(NamedTuple):
    """A response that can be sent at once, if `RangeShortcut.admits` it."""

    head: bytes
    span: ByteSpan
    file: OpenFile
    claim: Admission
    series: tuple[str, str, int]  # the labels of its count: method, route, status
    user_agent: str | None
    cmcd: tuple[bytes, ...] = ()  # not decoded yet


class Answerer(Protocol):
    """The connection of an answer. What it does here concerns no other connection."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport | None

    def begin(self, answer: ShortcutAnswer, settings: PumpSettings) -> Send | None:
        """The call that sends it; None if it goes by a transfer of its own, which has begun."""

    def conclude(self, answer: ShortcutAnswer, settings: PumpSettings, sent_bytes: int) -> None:
        """Count what was sent at once, and let a transfer send the rest."""

    def decline(self, data: bytes) -> None:
        """Leave the request to the full path."""

    def force_close(self) -> None: ...


class AnswerBatch:
    """The answers of one turn.

    `durations_s` has, for each, the time from the first of its turn until all were sent: two looks
    at the clock for all of them.
    """

    __slots__ = (
        "_admits",
        "_began_s",
        "_begun",
        "_decided",
        "_sendable",
        "_settings",
        "durations_s",
    )

    def __init__(
        self, admits: Callable[[ShortcutAnswer, int], bool], settings: PumpSettings
    ) -> None:
        self._admits = admits
        self._settings = settings
        self._began_s = 0.0
        self._decided: list[tuple[Answerer, ShortcutAnswer, bytes]] = []
        self._sendable: list[tuple[Answerer, ShortcutAnswer, Send]] = []
        self._begun: dict[str, int] = {}  # of those, by the viewer whose streams are limited
        self.durations_s = Distribution(SHORT_BOUNDS_S)

    def add(self, connection: Answerer, answer: ShortcutAnswer, data: bytes) -> None:
        """`data` is the request. Its file stays open until the answer is sent."""
        if not self._decided:
            connection.loop.call_soon(self._run)
            self._began_s = monotonic()  # uvloop's own stands still within a turn
        answer.file.hold()
        self._decided.append((connection, answer, data))

    def _run(self) -> None:
        decided, self._decided, began_s = self._decided, [], self._began_s
        for connection, answer, data in decided:
            try:
                self._admit(connection, answer, data)
            except Exception as exc:
                _fail(connection, answer, exc)
        self._send()
        self.durations_s.observe_alike(monotonic() - began_s, len(decided))

    def _admit(self, connection: Answerer, answer: ShortcutAnswer, data: bytes) -> None:
        send = None
        if connection.transport is not None:
            if self._is_admitted(answer):
                send = connection.begin(answer, self._settings)
            else:
                connection.decline(data)
        if send is None:
            answer.file.release()
        else:
            self._sendable.append((connection, answer, send))

    def _is_admitted(self, answer: ShortcutAnswer) -> bool:
        """An answer that does not go at once becomes a stream, which must be counted before another
        to its user is admitted. Seldom has a user more answers in a turn than streams left."""
        viewer = answer.claim.limited_viewer
        begun = self._begun.get(viewer, 0)
        is_admitted = self._admits(answer, begun)
        if begun and not is_admitted:
            self._send()
            begun, is_admitted = 0, self._admits(answer, 0)
        self._begun[viewer] = begun + is_admitted
        return is_admitted

    def _send(self) -> None:
        sendable, self._sendable = self._sendable, []
        self._begun.clear()
        sent = [send() for _, _, send in sendable]
        for (connection, answer, _), sent_bytes in zip(sendable, sent, strict=True):
            try:
                connection.conclude(answer, self._settings, sent_bytes)
                answer.file.release()
            except Exception as exc:
                _fail(connection, answer, exc)


def _fail(connection: Answerer, answer: ShortcutAnswer, exc: Exception) -> None:
    """The others of its turn go on."""
    answer.file.release()
    connection.force_close()
    message = "a repeated request could not be answered"
    connection.loop.call_exception_handler({"message": message, "exception": exc})
