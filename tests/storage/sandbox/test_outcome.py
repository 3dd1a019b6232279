import signal

import pytest

from storage.errors import (
    FileMissing,
    MediaCrashed,
    MediaInterrupted,
    MediaTimedOut,
    NoVideo,
    SandboxBusy,
    StorageError,
    StorageFull,
    TooComplex,
    Undecodable,
)
from storage.sandbox.outcome import TimedOut, classify_end, final_error

VERDICT, K = Undecodable("x"), MediaInterrupted("x")


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        pytest.param(-signal.SIGSEGV, MediaCrashed, id="segmentation-fault"),
        pytest.param(-signal.SIGABRT, MediaCrashed, id="assertion-of-the-library"),
        pytest.param(-signal.SIGFPE, MediaCrashed, id="division-by-zero"),
        pytest.param(-signal.SIGILL, MediaCrashed, id="illegal-instruction"),
        pytest.param(-signal.SIGTRAP, MediaCrashed, id="trap"),
        pytest.param(-signal.SIGSYS, MediaCrashed, id="forbidden-system-call"),
        pytest.param(-signal.SIGXFSZ, MediaCrashed, id="file-limit"),
        pytest.param(-signal.SIGXCPU, MediaTimedOut, id="cpu-limit"),
        pytest.param(-signal.SIGKILL, MediaInterrupted, id="out-of-memory"),
        pytest.param(-signal.SIGBUS, MediaInterrupted, id="page-that-could-not-be-read"),
        pytest.param(-signal.SIGTERM, MediaInterrupted, id="machine-shuts-down"),
        pytest.param(-signal.SIGHUP, MediaInterrupted, id="terminal-gone"),
        pytest.param(-64, MediaInterrupted, id="real-time-signal"),
        pytest.param(1, MediaInterrupted, id="python-did-not-start"),
        pytest.param(3, MediaInterrupted, id="exit-status"),
        pytest.param(TimedOut(10, 0.0), MediaInterrupted, id="stopped-at-once"),
        pytest.param(TimedOut(10, 4.9), MediaInterrupted, id="starved"),
        pytest.param(TimedOut(10, 5.0), MediaTimedOut, id="half-at-work"),
        pytest.param(TimedOut(10, 30.0), MediaTimedOut, id="several-threads"),
        pytest.param(TimedOut(10, None), MediaInterrupted, id="not-measured"),
    ],
)
def test_end_of_a_child_is_the_films_fault_or_the_machines(
    end: int | TimedOut, kind: type[StorageError]
) -> None:
    assert type(classify_end("probe", end)) is kind


def test_child_that_ended_well_is_no_failure() -> None:
    assert classify_end("probe", 0) is None


@pytest.mark.parametrize(
    ("failures", "final"),
    [
        pytest.param([VERDICT], None, id="one verdict"),
        pytest.param([VERDICT, VERDICT], Undecodable, id="two alike"),
        pytest.param([VERDICT, NoVideo()], None, id="two that differ"),
        pytest.param([VERDICT, NoVideo(), VERDICT], Undecodable, id="two of three"),
        pytest.param([VERDICT, NoVideo(), TooComplex()], MediaInterrupted, id="three that differ"),
        pytest.param([K], None, id="killed once"),
        pytest.param([K, K], None, id="killed twice"),
        pytest.param([K, K, K], MediaInterrupted, id="killed three times"),
        pytest.param([VERDICT, K], None, id="verdict, killed"),
        pytest.param([VERDICT, K, VERDICT], Undecodable, id="verdict, killed, the same"),
        pytest.param([VERDICT, K, K], MediaInterrupted, id="one verdict never condemns"),
        pytest.param([MediaCrashed()], None, id="crashed once"),
        pytest.param([MediaCrashed(), MediaCrashed()], MediaCrashed, id="crashed twice"),
        pytest.param([MediaTimedOut()], None, id="too slow once"),
        pytest.param([MediaTimedOut(), MediaTimedOut()], MediaTimedOut, id="too slow twice"),
        pytest.param([TooComplex()], None, id="out of our memory limit once"),
        pytest.param([StorageFull()], StorageFull, id="disk full"),
        pytest.param([K, FileMissing()], FileMissing, id="file gone"),
        pytest.param([K, SandboxBusy()], SandboxBusy, id="no slot"),
    ],
)
def test_request_gives_up_after_three_children(
    failures: list[StorageError], final: type[StorageError] | None
) -> None:
    assert _kind(final_error(failures, 3)) is final


@pytest.mark.parametrize(
    ("failures", "final"),
    [
        pytest.param([K], MediaInterrupted, id="killed"),
        pytest.param([VERDICT], None, id="one verdict"),
        pytest.param([VERDICT, K], MediaInterrupted, id="verdict, killed"),
        pytest.param([VERDICT, VERDICT], Undecodable, id="two alike"),
    ],
)
def test_job_leaves_interruptions_to_its_queue(
    failures: list[StorageError], final: type[StorageError] | None
) -> None:
    assert _kind(final_error(failures, 1)) is final


def _kind(exc: StorageError | None) -> type[StorageError] | None:
    return None if exc is None else type(exc)
