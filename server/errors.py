"""Errors that an operator can fix: a command ends with their sentence, without a traceback.

The server's own derive from OperatorError. The floors below cannot know it, nor each other, and
whether an error of theirs is the operator's depends on the caller: a request answers the same
DatabaseUnavailable with 503. So the families that commands end with are listed here.
"""

from db.errors import DatabaseError
from db.takeover.legacy import LegacyError
from events.errors import ForeignStorage
from storage.errors import StorageError
from storage.s3.errors import S3Error


class OperatorError(Exception):
    """An error that an operator can fix; the message says how."""


FAULTS = (OperatorError, DatabaseError, LegacyError, StorageError, S3Error, ForeignStorage)


def sentence(fault: Exception) -> str:
    """Returns the message of one of FAULTS, with PostgreSQL's reason where it has none of its own:
    at a command an operator reads it."""
    if isinstance(fault, DatabaseError) and str(fault) == type(fault).__doc__:
        reason = str(fault.__cause__ or "").strip().partition("\n")[0]
        return f"{fault} ({reason})" if reason else str(fault)
    return str(fault)
