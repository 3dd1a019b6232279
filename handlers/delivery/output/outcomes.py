"""Outcomes of transfers: derived from the exception that ended one, and logged."""

import errno
import logging

from handlers.delivery.errors import FileTruncated
from handlers.transfers.transfers import Outcome, Transfer

logger = logging.getLogger(__name__)

# Errors about the client's host; any other OSError is about the file or this process.
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
    """Log a transfer that did not complete. A client that leaves is no error."""
    logger.log(
        _LOG_LEVELS[outcome],
        "%s of video %s %s after %d bytes",
        transfer.purpose,
        transfer.video_id,
        outcome.value,
        transfer.sent_bytes,
        exc_info=fault if outcome is Outcome.FAILED else None,
    )
