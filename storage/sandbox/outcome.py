"""The outcome of a sandboxed child: a verdict on the film, or a fault of the machine.

| end of the child | outcome |
|---|---|
| a message: an error of ours about the film | verdict |
| a message: more memory than `RLIMIT_AS` allows | verdict, `TooComplex` |
| a message: an error of the disk | raised as it is: nothing is said of the film |
| no message, or a senseless one | verdict, `MediaCrashed` |
| SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGXFSZ | verdict, `MediaCrashed` |
| SIGXCPU | verdict, `MediaTimedOut` |
| too long by the clock, and at work for half of the time or more | verdict, `MediaTimedOut` |
| too long by the clock, for the most part waiting, stopped or starved | interrupted |
| SIGKILL (out of memory), SIGBUS (a page could not be read), any other signal | interrupted |
| an exit status: it had not reached the film | interrupted |

A verdict condemns a film once two children agree; an interruption never does. Pure.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import FINAL, MediaCrashed, MediaInterrupted, MediaTimedOut, StorageError

# Children per call: a third one decides between two that disagree.
MOST_CHILDREN = 3
# A film that takes too long keeps its child busy. On a busy machine that is not all the time.
AT_WORK_RATIO = 0.5

# The library hit a bug, or a limit of the sandbox.
_CRASHES = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGSYS,
        signal.SIGXFSZ,
    }
)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A child that was ended after `limit_s`; `cpu_s` is None where it could not be measured."""

    limit_s: float
    cpu_s: float | None


def classify_end(function: str, end: int | TimedOut) -> StorageError | None:
    """Classify the end of a child before its message is read; None for a normal end.

    A negative `end` is a signal's number, a positive one an exit status.
    """
    if isinstance(end, TimedOut):
        return _too_long(function, end)
    if end == 0:
        return None
    if end == -signal.SIGXCPU:
        return MediaTimedOut(f"{function} used up its CPU time")
    if -end in _CRASHES:
        return MediaCrashed(f"{function} was ended by {_signal_name(-end)}")
    if end < 0:
        return MediaInterrupted(f"{function} was ended by {_signal_name(-end)}")
    return MediaInterrupted(f"{function} ended with status {end}")


def final_error(failures: Sequence[StorageError], most_interruptions: int) -> StorageError | None:
    """The final error after these failures, one per child; None while another child is to run.

    After `most_interruptions` it is an interruption, for the caller to retry later.
    """
    last = failures[-1]
    if isinstance(last, FINAL):
        is_confirmed = any(type(one) is type(last) for one in failures[:-1])
    else:
        is_confirmed = not isinstance(last, MediaInterrupted)
    if is_confirmed:
        return last
    interruptions = sum(isinstance(one, MediaInterrupted) for one in failures)
    if interruptions >= most_interruptions or len(failures) >= MOST_CHILDREN:
        return MediaInterrupted(f"{len(failures)} children, the last: {last}")
    return None


def _too_long(function: str, end: TimedOut) -> StorageError:
    if end.cpu_s is not None and end.cpu_s >= AT_WORK_RATIO * end.limit_s:
        return MediaTimedOut(f"{function} took over {end.limit_s} s")
    used = "unknown" if end.cpu_s is None else f"{end.cpu_s:.1f} s"
    return MediaInterrupted(f"{function} took over {end.limit_s} s, CPU time {used}")


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
