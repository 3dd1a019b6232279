"""How a transfer came to its end: read from the fault that ended it, and told to the log."""

import errno
import logging

from handlers.delivery.errors import FileTruncated
from handlers.delivery.transfers import Outcome, Transfer

logger = logging.getLogger(__name__)

# What the network says of a client's host; the rest of OSError speaks of the file or of us.
_CLIENT_UNREACHABLE = frozenset(
    {errno.ENOTCONN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}
)
_LOG_LEVELS = {
    Outcome.CLIENT_GONE: logging.DEBUG,
    Outcome.STALLED: logging.INFO,
    Outcome.ENDED: logging.INFO,
    Outcome.TRUNCATED: logging.ERROR,
    Outcome.FAILED: logging.ERROR,
}


def outcome_of(fault: BaseException, transfer: Transfer) -> Outcome:
    if transfer.is_ended:
        return Outcome.ENDED
    match fault:
        case FileTruncated():
            return Outcome.TRUNCATED
        case TimeoutError():
            return Outcome.STALLED
        case ConnectionError():
            return Outcome.CLIENT_GONE
        case OSError(errno=number) if number in _CLIENT_UNREACHABLE:
            return Outcome.CLIENT_GONE
    return Outcome.FAILED


def log_end(transfer: Transfer, outcome: Outcome, fault: BaseException) -> None:
    """For what did not come to its end well. A client that leaves is no error."""
    logger.log(
        _LOG_LEVELS[outcome],
        "%s of video %s %s after %d bytes",
        transfer.purpose,
        transfer.video_id,
        outcome.value,
        transfer.sent_bytes,
        exc_info=fault if outcome is Outcome.FAILED else None,
    )
