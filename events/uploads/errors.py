"""Refusals of uploads, free of HTTP: `handlers.errors` maps them to problems.

A message is a sentence for the sender.
"""

from events.errors import EventsError


class UploadError(EventsError):
    """The upload was refused."""


class UploadGone(UploadError):
    """The upload was terminated or refused, or has expired."""


class UploadTakenOver(UploadError):
    """Another request goes on with this upload."""


class UploadStalled(UploadError):
    """The upload stalled."""


class UploadsStopping(UploadError):
    """The server is stopping and takes no more bytes."""


class UploadTooLarge(UploadError):
    """The upload has more bytes than it may."""


class WrongOffset(UploadError):
    """The upload goes on at another offset than yours."""

    def __init__(self, offset_bytes: int) -> None:
        super().__init__()
        self.offset_bytes = offset_bytes


class WrongChecksum(UploadError):
    """The bytes do not have the checksum that was sent with them."""
