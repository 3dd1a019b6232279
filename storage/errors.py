"""Errors of `storage/`; operating system errors are wrapped in them here.

A class docstring is a sentence for teachers; it is the default message and `sentence`. The
constructor's argument is for the log. No status codes here: `handlers` owns those.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class StorageError(Exception):
    """The file could not be stored or read."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.sentence)

    @property
    def sentence(self) -> str:
        """Text that is safe to show: never a path, never a library's message."""
        return (type(self).__doc__ or "").strip()


class InvalidPath(StorageError):
    """The name does not belong to a stored file."""


class FileMissing(StorageError):
    """A stored file is missing."""


class StorageFull(StorageError):
    """There is no space left to store the video."""

    code = "out-of-space"


class StorageReadOnly(StorageError):
    """The video storage cannot be written to at the moment."""


class StorageGone(StorageError):
    """The video storage is not available at the moment."""


class StorageForeign(StorageGone):
    """The video storage is another one than it should be."""


class StorageUnfit(StorageError):
    """The file system of the video storage lacks what the storage relies on."""


class WordedError(StorageError):
    """An error whose sentence is made where it arises."""

    def __init__(self, sentence: str) -> None:
        """Takes one argument, as all of the family: errors cross the sandbox's border as text."""
        self._sentence = sentence
        super().__init__(sentence)

    @property
    def sentence(self) -> str:
        return self._sentence


class InvalidSubtitles(WordedError):
    """The file is neither WebVTT nor SRT; the sentence names the line at fault."""

    @classmethod
    def at(cls, line: int, fault: str) -> "InvalidSubtitles":
        return cls(f"Line {line}: {fault}.")


class HugeTextTrack(StorageError):
    """Written as WebVTT it is larger than 1 MiB."""


class PartialBusy(StorageError):
    """Another request is writing to this upload."""


class PartialLost(StorageError):
    """The stored part of this upload is lost."""


class UnsupportedFormat(StorageError):
    """The file is not a video in any format that is known here."""

    code = "unsupported-format"


class RefusedFormat(WordedError, UnsupportedFormat):
    """Files of this format are not accepted here."""


class Undecodable(StorageError):
    """The video cannot be decoded: the file is damaged or not really a video."""

    code = "undecodable"


class UnknownCodec(WordedError, Undecodable):
    """The video is coded in a way that is not known here."""


class Truncated(Undecodable):
    """The video file is incomplete: its end is missing."""


class MismatchedPieces(StorageError):
    """The pieces of a rendition do not belong together."""


class NoVideo(StorageError):
    """The file has no video in it, only sound or other content."""

    code = "no-video"


class FormatWithoutVideo(WordedError, NoVideo):
    """The file of a known format has no video in it."""


class TooComplex(StorageError):
    """The video is too large in picture size, length or number of streams to be accepted."""

    code = "too-complex"


class UnsupportedPicture(UnsupportedFormat):
    """The file is neither a JPEG nor a PNG nor a WebP picture."""


class BadPicture(Undecodable):
    """The picture cannot be decoded: the file is damaged or incomplete."""


class HugePicture(TooComplex):
    """The picture has too many pixels to be accepted."""


class MediaTimedOut(StorageError):
    """Examining or converting the video took too long."""

    code = "timed-out"


class SandboxBusy(StorageError):
    """Too many videos are being examined at the moment."""


class MediaCrashed(StorageError):
    """Examining or converting the video failed unexpectedly."""


class MediaInterrupted(StorageError):
    """Examining or converting the video was interrupted; nothing is wrong with the file."""


# Verdicts on the file itself: another attempt would only repeat them.
FINAL = (Undecodable, UnsupportedFormat, NoVideo, TooComplex, MediaTimedOut, MediaCrashed)

_BY_ERRNO: dict[int, type[StorageError]] = {
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EFBIG: TooComplex,
    errno.EROFS: StorageReadOnly,
    errno.EACCES: StorageReadOnly,
    errno.EPERM: StorageReadOnly,
    errno.ENOENT: FileMissing,
    errno.ESTALE: StorageGone,
    errno.ENOTCONN: StorageGone,
    errno.EIO: StorageGone,
    errno.ENODEV: StorageGone,
    errno.EHOSTDOWN: StorageGone,
}


def storage_error(exc: OSError) -> StorageError:
    """Convert an OSError to the matching member of the family."""
    cause = _BY_ERRNO.get(exc.errno or 0, StorageError)
    return cause(f"{cause.__doc__} ({exc})")


@contextmanager
def wrap_os_errors() -> Iterator[None]:
    """Convert every OSError raised in the block to a StorageError."""
    try:
        yield
    except OSError as exc:
        raise storage_error(exc) from exc
