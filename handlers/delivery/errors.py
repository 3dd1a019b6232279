"""Errors of files that are to be sent."""

from pathlib import Path


class DeliveryError(Exception):
    """The bytes cannot be delivered."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(self.__doc__)
        self.path = path


class FileUnavailable(DeliveryError):
    """The stored file is missing, unreadable, or not as recorded.

    `has_its_length`: its size is as recorded, its content is not.
    """

    def __init__(self, path: Path | None = None, *, has_its_length: bool = False) -> None:
        super().__init__(path)
        self.has_its_length = has_its_length


class FileTruncated(DeliveryError):
    """The file ended before the bytes that were promised."""
