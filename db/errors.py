"""Errors of `db/`; psycopg2's and aiopg's are wrapped in them (`pool.wrap_errors`)."""


class DatabaseError(Exception):
    """The database refused a statement."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached."""


class DatabaseFull(DatabaseUnavailable):
    """The database has no room left on its disk."""


class ConcurrentUpdate(DatabaseUnavailable):
    """A row has changed since the moment at which the transaction reads."""


class DatabaseTimeout(DatabaseError):
    """The database did not answer in time."""


class ConstraintViolated(DatabaseError):
    """A row would break a constraint; `constraint` is its name."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"{self.__doc__} ({constraint})")
        self.constraint = constraint


class UniqueViolated(ConstraintViolated):
    """A row with that key exists already."""


class ForeignKeyViolated(ConstraintViolated):
    """A row refers to one that does not exist."""


class QuotaReached(DatabaseError):
    """The storage quota leaves no room for this."""


class TooManyUploads(DatabaseError):
    """The user has as many open uploads as allowed; `most_count` is the limit."""

    def __init__(self, most_count: int) -> None:
        super().__init__()
        self.most_count = most_count


class CommitUnknown(DatabaseUnavailable):
    """The database went away during a commit: it is unknown whether the commit took place."""
