"""Error responses (RFC 9457).

Handlers raise `RequestError` and its subclasses; `as_request_error` maps the errors of the lower
layers to them. No message contains a path, an SQL statement or a stack trace.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from db.errors import DatabaseTimeout, DatabaseUnavailable, QuotaReached, TooManyUploads
from events.errors import (
    DamagedFile,
    FiguresNotReady,
    ForeignStorage,
    HubClosed,
    OrderMismatch,
    PersisterFull,
    PersisterStopped,
    PiecesNotReady,
    TooManySubscribers,
    VideoMissing,
)
from events.uploads.errors import (
    UploadGone,
    UploadsStopping,
    UploadStalled,
    UploadTakenOver,
    UploadTooLarge,
    WrongChecksum,
    WrongOffset,
)
from handlers.delivery.errors import FileUnavailable
from storage import errors as storage_errors
from storage.s3.errors import S3SourceGone, S3SourceUnavailable

PROBLEM_JSON = "application/problem+json"
RETRY_SOON_S = 2  # outages of a database or a queue usually last seconds
RETRY_PROCESSING_S = 5
RETRY_UPLOAD_S = 60  # the end of another upload is unknown


class Problem(msgspec.Struct, frozen=True):
    """The body of every error response (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str


class RequestError(Exception):
    """The request cannot be served as asked."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.detail = detail or (self.__doc__ or "").strip()
        self.headers = dict(headers or {})
        super().__init__(self.detail)

    def problem(self, request_id: str) -> Problem:
        return Problem(
            f"urn:coursestream:{self.code}", self.title, self.status, self.detail, request_id
        )

    def answer(self, request_id: str) -> web.Response:
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(self.problem(request_id)),
            content_type=PROBLEM_JSON,
            headers=self.headers,
        )


class InvalidRequest(RequestError):
    """The request does not follow the contract."""

    status, code, title = 400, "invalid-request", "Invalid request"


class EmptyUpload(RequestError):
    """The file is empty."""

    status, code, title = 400, "empty", "Empty file"


class InvalidToken(RequestError):
    """A valid token is needed."""

    status, code, title = 401, "invalid-token", "Invalid token"

    def __init__(self, detail: str | None = None) -> None:
        # RFC 6750 section 3.
        super().__init__(detail, headers={hdrs.WWW_AUTHENTICATE: 'Bearer error="invalid_token"'})


class NotEnrolled(RequestError):
    """You are not enrolled in a course that has this."""

    status, code, title = 403, "not-enrolled", "Not enrolled"


class NotAllowed(RequestError):
    """Your role in this course does not allow this."""

    status, code, title = 403, "not-allowed", "Not allowed"


class NotFound(RequestError):
    """There is nothing here."""

    status, code, title = 404, "not-found", "Not found"


class MethodNotAllowed(RequestError):
    """This address does not know that method."""

    status, code, title = 405, "method-not-allowed", "Method not allowed"


class UnknownMethod(MethodNotAllowed):
    """This server does not know that method."""

    status = 501  # RFC 9110 section 9.1: 405 is for methods that are known


class NotAcceptable(RequestError):
    """None of the formats that exist is acceptable to you."""

    status, code, title = 406, "not-acceptable", "Not acceptable"


class ModuleElsewhere(RequestError):
    """The module belongs to another course and never moves."""

    status, code, title = 409, "module-elsewhere", "Module belongs to another course"


class OrderRefused(RequestError):
    """The list must name each thing that is there exactly once. What is there may have changed."""

    status, code, title = 409, "order-mismatch", "Order of other things"


class OffsetMismatch(RequestError):
    """The upload continues at another offset than the one sent."""

    status, code, title = 409, "offset-mismatch", "Offset mismatch"


class LicenceRefused(RequestError):
    """This lesson may not be kept offline, or no longer."""

    status, code, title = 403, "licence-refused", "Licence refused"


class NotReady(RequestError):
    """The video is still being processed."""

    status, code, title = 409, "not-ready", "Not ready"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={hdrs.RETRY_AFTER: str(RETRY_PROCESSING_S)})


class Failed(RequestError):
    """The video could not be processed."""

    status, code, title = 409, "failed", "Processing failed"


class PreconditionFailed(RequestError):
    """A precondition of the request does not hold."""

    status, code, title = 412, "precondition-failed", "Precondition failed"


class TooLarge(RequestError):
    """The body is larger than allowed."""

    status, code, title = 413, "too-large", "Too large"


class UnsupportedMediaType(RequestError):
    """The body has a format that is not supported."""

    status, code, title = 415, "unsupported-format", "Unsupported format"


class UnknownCoding(UnsupportedMediaType):
    """A body is sent as it is, in chunks or with its length: no other transfer coding is known."""

    status = 501  # RFC 9112 section 6.1


class RangeNotSatisfiable(RequestError):
    """No requested range lies within the file."""

    status, code, title = 416, "range-not-satisfiable", "Range not satisfiable"


class UndecodableFile(RequestError):
    """The file cannot be decoded."""

    status, code, title = 422, "undecodable", "Undecodable"


class FileWithoutVideo(RequestError):
    """The file has no video stream."""

    status, code, title = 422, "no-video", "No video stream"


class FileTooComplex(RequestError):
    """The file goes past a limit of dimensions, duration or streams."""

    status, code, title = 422, "too-complex", "Too complex"


class Locked(RequestError):
    """Another request is writing to this upload."""

    status, code, title = 423, "locked", "Locked"


class ChecksumMismatch(RequestError):
    """The bytes do not have the checksum that was sent with them."""

    status, code, title = 460, "checksum-mismatch", "Checksum mismatch"  # tus 1.0.0, checksum


class RateLimited(RequestError):
    """Too many at once."""

    status, code, title = 429, "rate-limited", "Rate limited"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after_s: int = RETRY_SOON_S,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, headers={hdrs.RETRY_AFTER: str(retry_after_s), **(headers or {})})


class Internal(RequestError):
    """Something went wrong here; the request id helps to find out what."""


class Unavailable(RequestError):
    """Something this service needs is away; try again soon."""

    status, code, title = 503, "unavailable", "Unavailable"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={hdrs.RETRY_AFTER: str(RETRY_SOON_S)})


class OverQuota(RequestError):
    """There is no room for the file."""

    status, code, title = 507, "over-quota", "Over quota"


def _with_sentence(kind: type[RequestError]) -> Callable[[Any], RequestError]:
    """Converts to `kind` with the error's own sentence."""
    return lambda exc: kind(exc.sentence)


def _with_default(kind: type[RequestError]) -> Callable[[Any], RequestError]:
    return lambda _: kind()


def _with_docstring(kind: type[RequestError]) -> Callable[[Any], RequestError]:
    """Converts to `kind` with the docstring of the error's class."""
    return lambda exc: kind(type(exc).__doc__)


def _worded(kind: type[RequestError]) -> Callable[[Any], RequestError]:
    """Converts to `kind` with the sentence that the error was raised with."""
    return lambda exc: kind(str(exc))


def _wrong_offset(exc: WrongOffset) -> RequestError:
    return OffsetMismatch(headers={"Upload-Offset": str(exc.offset_bytes)})  # tus 1.0.0


def _too_many(exc: TooManySubscribers) -> RequestError:
    if exc.is_per_user:
        return RateLimited("You have as many event streams open as you may.")
    return Unavailable("There are as many event streams as this server holds.")


def _too_many_uploads(exc: TooManyUploads) -> RequestError:
    return RateLimited(
        f"You have {exc.most_count} unfinished uploads, as many as you may (UPLOADS_PER_USER):"
        " finish one, or end one by DELETE of its address; GET /api/v1/uploads lists them.",
        retry_after_s=RETRY_UPLOAD_S,
        headers={
            "RateLimit-Policy": f'"uploads";q={exc.most_count};qu="concurrent-requests"',
            "RateLimit": '"uploads";r=0',
        },
    )


# First match wins, so the narrower class stands first.
LOWER_LAYERS: tuple[tuple[type[Exception], Callable[[Any], RequestError]], ...] = (
    (PersisterFull, _with_default(Unavailable)),
    (PersisterStopped, _with_default(Unavailable)),
    (HubClosed, _with_default(Unavailable)),
    (TooManySubscribers, _too_many),
    (FileUnavailable, _with_default(Unavailable)),
    (DamagedFile, _with_default(Unavailable)),
    (PiecesNotReady, _with_docstring(NotReady)),
    (FiguresNotReady, _with_docstring(Unavailable)),
    (VideoMissing, _with_default(NotFound)),
    (OrderMismatch, _with_default(OrderRefused)),
    (ForeignStorage, _with_default(Unavailable)),
    (DatabaseUnavailable, _with_default(Unavailable)),
    (DatabaseTimeout, _with_default(Unavailable)),
    (QuotaReached, _with_default(OverQuota)),
    (TooManyUploads, _too_many_uploads),
    (UploadGone, _with_default(NotFound)),
    (UploadTakenOver, _with_docstring(Locked)),
    (UploadStalled, _with_docstring(InvalidRequest)),
    (UploadsStopping, _with_default(Unavailable)),
    (UploadTooLarge, _worded(TooLarge)),
    (WrongOffset, _wrong_offset),
    (WrongChecksum, _with_default(ChecksumMismatch)),
    (S3SourceGone, _with_docstring(Failed)),
    (S3SourceUnavailable, _with_docstring(Unavailable)),
    (storage_errors.UnsupportedFormat, _with_sentence(UnsupportedMediaType)),
    (storage_errors.NoVideo, _with_sentence(FileWithoutVideo)),
    (storage_errors.TooComplex, _with_sentence(FileTooComplex)),
    (storage_errors.Undecodable, _with_sentence(UndecodableFile)),
    (storage_errors.MediaTimedOut, _with_sentence(FileTooComplex)),
    (storage_errors.MediaCrashed, _with_default(UndecodableFile)),
    (storage_errors.MediaInterrupted, _with_sentence(Unavailable)),
    (storage_errors.SandboxBusy, _with_sentence(Unavailable)),
    (storage_errors.StorageFull, _with_default(OverQuota)),
    (storage_errors.InvalidSubtitles, _with_sentence(InvalidRequest)),
    (storage_errors.HugeTextTrack, _with_sentence(TooLarge)),
    (storage_errors.InvalidPath, _with_default(Internal)),
    (storage_errors.PartialBusy, _with_default(Locked)),
    (storage_errors.PartialLost, _with_default(NotFound)),
    (storage_errors.StorageError, _with_default(Unavailable)),
)

HTTP_STATUSES: Mapping[int, type[RequestError]] = {
    400: InvalidRequest,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
}


def as_request_error(exc: Exception) -> RequestError:
    """Returns the response to an exception of a handler; `Internal` for an unexpected one."""
    if isinstance(exc, RequestError):
        return exc
    if isinstance(exc, web.HTTPException):
        return _of_http_exception(exc)
    if isinstance(exc, web.RequestPayloadError):  # chunks or a packing that are no such thing
        return InvalidRequest("The body is malformed.")
    if isinstance(exc, HttpProcessingError):
        return HTTP_STATUSES.get(exc.code, InvalidRequest)()
    for kind, convert in LOWER_LAYERS:
        if isinstance(exc, kind):
            return convert(exc)
    return Internal()


def _of_http_exception(exc: web.HTTPException) -> RequestError:
    unforeseen = InvalidRequest if exc.status < 500 else Internal
    kind = HTTP_STATUSES.get(exc.status, unforeseen)
    allowed = exc.headers.get(hdrs.ALLOW)
    return kind(headers={hdrs.ALLOW: allowed} if allowed else None)
