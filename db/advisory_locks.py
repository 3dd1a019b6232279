"""Registry of PostgreSQL advisory locks, each number listed once.

Functions in migrations cannot import it and repeat their number; a test reads the functions of the
installed schema and fails on a number that is not registered. The two key spaces (one of 64 bits,
one of two times 32) do not overlap (PostgreSQL manual, section 9.28.10).
"""

from enum import IntEnum, unique

NAMESPACE = 25459
MIGRATION_KEY = 0x636F757273650001  # "course" and a number, in the 64-bit space


@unique
class AdvisoryLock(IntEnum):
    """The second key of a lock in `NAMESPACE`."""

    EVENT_LOG_APPEND = 1
    EVENT_LOG_PARTITIONS = 2
    RESERVE_SPACE = 3
    """Taken in the SQL functions reserve_space and open_upload."""
    RECONCILE = 4
    DELIVERY = 5
    STORAGE_TOTALS = 6


def lock_until_commit(lock: AdvisoryLock) -> str:
    """SQL that waits for the lock; the transaction's end releases it."""
    return f"SELECT pg_advisory_xact_lock({NAMESPACE}, {lock:d})"


def try_lock_until_commit(lock: AdvisoryLock) -> str:
    """SQL that selects `is_owner`; the transaction's end releases the lock."""
    return f"SELECT pg_try_advisory_xact_lock({NAMESPACE}, {lock:d}) AS is_owner"


def try_lock(lock: AdvisoryLock) -> str:
    """SQL that selects `is_owner`; the connection's end releases the lock."""
    return f"SELECT pg_try_advisory_lock({NAMESPACE}, {lock:d}) AS is_owner"


def lock_migrations() -> str:
    """SQL that waits for the lock; the connection's end releases it."""
    return f"SELECT pg_advisory_lock({MIGRATION_KEY})"
