"""Refusals of uploads, free of HTTP: `handlers.errors` maps them to problems.

A message is a sentence for the client.
"""

from events.errors import EventsError


class UploadError(EventsError):
    """The upload was refused."""


class UploadGone(UploadError):
    """The upload was terminated or refused, or has expired."""


class UploadTakenOver(UploadError):
    """Another request has taken over this upload."""


class UploadStalled(UploadError):
    """The upload stalled."""


class UploadsStopping(UploadError):
    """The server is stopping and accepts no more bytes."""


class UploadTooLarge(UploadError):
    """The upload has more bytes than allowed."""


class WrongOffset(UploadError):
    """The upload continues at another offset than the one sent."""

    def __init__(self, offset_bytes: int) -> None:
        super().__init__()
        self.offset_bytes = offset_bytes


class WrongChecksum(UploadError):
    """The bytes do not have the checksum that was sent with them."""
