"""Traces of videos, from upload to ready: spans of what web and worker processes do for one video.

The ids of a trace and of its root follow from the video's id, so that processes which never speak
to each other add to one trace. The root is exported last, when the video is ready or failed.
Without `export` all of it costs a comparison.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from storage.errors import StorageError

DONE, UNEXPECTED, STOPPED = "done", "internal", "stopped"
ROOT_NAME = "video"
ID_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of work; `outcome` is the code of its error, or `done`. Times are Unix times."""

    trace_id: int
    span_id: int
    parent_id: int | None
    name: str
    began_ns: int
    ended_ns: int
    outcome: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _CurrentSpan:
    """The span within which work is done."""

    trace_id: int
    span_id: int


_within: ContextVar[_CurrentSpan | None] = ContextVar("span", default=None)


class Traces:
    """Makes spans; `export` takes each at once, and never waits or raises."""

    def __init__(
        self,
        export: Callable[[Span], None] | None = None,
        dropped_count: Callable[[], int] = lambda: 0,
    ) -> None:
        self._export = export
        self._dropped_count = dropped_count

    @property
    def dropped_count(self) -> int:
        """Number of spans that no collector took."""
        return self._dropped_count()

    @contextmanager
    def of(self, video_id: UUID) -> Iterator[None]:
        """Has the steps of the block belong to a video."""
        if self._export is None:
            yield
            return
        token = _within.set(_CurrentSpan(video_id.int, root_id(video_id)))
        try:
            yield
        finally:
            _within.reset(token)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Makes the block a span, within that around it; nothing outside of a video's work."""
        parent = _within.get()
        if self._export is None or parent is None:
            yield
            return
        current, began_ns, outcome = _CurrentSpan(parent.trace_id, _new_id()), time.time_ns(), DONE
        token = _within.set(current)
        try:
            yield
        except BaseException as exc:
            outcome = outcome_of(exc)
            raise
        finally:
            _within.reset(token)
            self._export(_span(current, parent.span_id, name, began_ns, time.time_ns(), outcome))

    def note(self, video_id: UUID, name: str, began_ns: int, ended_ns: int) -> None:
        """Adds work that was done before the video had an id."""
        if self._export is not None:
            current = _CurrentSpan(video_id.int, _new_id())
            self._export(_span(current, root_id(video_id), name, began_ns, ended_ns, DONE))

    def settle(self, video_id: UUID, began: datetime, outcome: str = DONE) -> None:
        """Ends the trace of a video that is ready, or failed with a code."""
        if self._export is not None:
            root, began_ns = root_id(video_id), int(began.timestamp() * 1e9)
            current = _CurrentSpan(video_id.int, root)
            self._export(_span(current, None, ROOT_NAME, began_ns, time.time_ns(), outcome))


def root_id(video_id: UUID) -> int:
    return int.from_bytes(sha256(video_id.bytes).digest()[:ID_BYTES]) or 1


def outcome_of(fault: BaseException) -> str:
    """Returns the code of an error of storage, or a word for any other."""
    if isinstance(fault, StorageError):
        return fault.code
    return UNEXPECTED if isinstance(fault, Exception) else STOPPED


def _new_id() -> int:
    return int.from_bytes(os.urandom(ID_BYTES)) or 1


def _span(
    current: _CurrentSpan,
    parent_id: int | None,
    name: str,
    began_ns: int,
    ended_ns: int,
    outcome: str,
) -> Span:
    return Span(
        trace_id=current.trace_id,
        span_id=current.span_id,
        parent_id=parent_id,
        name=name,
        began_ns=began_ns,
        ended_ns=max(began_ns, ended_ns),
        outcome=outcome,
        attributes={"video_id": str(UUID(int=current.trace_id)), "outcome": outcome},
    )
