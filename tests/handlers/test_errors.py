"""The table of errors: every code of the contract, every error of a lower room, nothing leaks."""

import errno
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from db import errors as db_errors
from db.errors import (
    CommitUnknown,
    ConcurrentUpdate,
    ConstraintViolated,
    DatabaseError,
    DatabaseFull,
    DatabaseTimeout,
    DatabaseUnavailable,
    ForeignKeyViolated,
    QuotaReached,
    TooManyUploads,
    UniqueViolated,
)
from events import errors as events_errors
from events.errors import (
    BoardUnavailable,
    EventsError,
    HubClosed,
    PersisterFull,
    PersisterStopped,
    TooManySubscribers,
    UnfaithfulMedia,
    UnknownEventType,
    UnreadableEvent,
    VideoMissing,
)
from handlers import errors
from handlers.delivery import errors as delivery_errors
from handlers.delivery.errors import DeliveryError, FileTruncated, FileUnavailable
from handlers.errors import RequestError, as_request_error
from storage import errors as storage_errors
from storage.errors import StorageError, storage_error
from storage.s3 import errors as s3_errors

# The contract's list, with the status of each.
CODES = {
    "invalid-request": 400,
    "empty": 400,
    "invalid-token": 401,
    "not-enrolled": 403,
    "licence-refused": 403,
    "not-allowed": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "module-elsewhere": 409,
    "order-mismatch": 409,
    "not-ready": 409,
    "failed": 409,
    "offset-mismatch": 409,
    "precondition-failed": 412,
    "too-large": 413,
    "unsupported-format": 415,
    "range-not-satisfiable": 416,
    "undecodable": 422,
    "no-video": 422,
    "too-complex": 422,
    "locked": 423,
    "rate-limited": 429,
    "checksum-mismatch": 460,
    "internal": 500,
    "unavailable": 503,
    "over-quota": 507,
}
SECRET = "/srv/videos/secret SELECT * FROM users"


def family(base: type[Any]) -> Iterator[type[Any]]:
    yield base
    for kind in base.__subclasses__():
        yield from family(kind)


def own(module: ModuleType) -> set[type[Exception]]:
    """The exceptions that a module defines."""
    return {
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, Exception)
        and kind.__module__ == module.__name__
    }


def test_every_code_of_the_contract_is_there() -> None:
    known = {(kind.code, kind.status) for kind in family(RequestError)}
    assert known == {*CODES.items(), ("method-not-allowed", 501), ("unsupported-format", 501)}


@pytest.mark.parametrize("kind", sorted(own(errors), key=str), ids=lambda kind: kind.__name__)
def test_problem_is_complete(kind: type[RequestError]) -> None:
    answer = kind().answer("request-1")

    assert isinstance(answer.body, bytes)
    problem = msgspec.json.decode(answer.body)
    assert answer.content_type == "application/problem+json"
    assert problem == {
        "type": f"urn:coursestream:{kind.code}",
        "title": kind.title,
        "status": answer.status,
        "detail": (kind.__doc__ or "").strip(),
        "instance": "request-1",
    }
    assert answer.status == kind.status
    assert problem["detail"].endswith((".", "what."))


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        (errors.InvalidToken, "WWW-Authenticate", 'Bearer error="invalid_token"'),
        (errors.NotReady, "Retry-After", "5"),
        (errors.RateLimited, "Retry-After", "2"),
        (errors.Unavailable, "Retry-After", "2"),
    ],
)
def test_problem_carries(kind: type[RequestError], header: str, value: str) -> None:
    assert kind().answer("request-1").headers[header] == value


LOWER: dict[type[Exception], tuple[Exception, str]] = {
    DatabaseError: (DatabaseError(SECRET), "internal"),
    DatabaseUnavailable: (DatabaseUnavailable(SECRET), "unavailable"),
    DatabaseFull: (DatabaseFull(SECRET), "unavailable"),
    ConcurrentUpdate: (ConcurrentUpdate(SECRET), "unavailable"),
    DatabaseTimeout: (DatabaseTimeout(SECRET), "unavailable"),
    ConstraintViolated: (ConstraintViolated(SECRET), "internal"),
    UniqueViolated: (UniqueViolated(SECRET), "internal"),
    ForeignKeyViolated: (ForeignKeyViolated(SECRET), "internal"),
    QuotaReached: (QuotaReached(SECRET), "over-quota"),
    TooManyUploads: (TooManyUploads(3), "rate-limited"),
    CommitUnknown: (CommitUnknown(SECRET), "unavailable"),
    EventsError: (EventsError(SECRET), "internal"),
    UnknownEventType: (UnknownEventType(SECRET), "internal"),  # its handler answers 400
    UnreadableEvent: (UnreadableEvent(SECRET), "internal"),
    BoardUnavailable: (BoardUnavailable(SECRET), "internal"),  # no request meets it
    UnfaithfulMedia: (UnfaithfulMedia(SECRET), "internal"),  # in tests of the media pipeline
    TooManySubscribers: (TooManySubscribers(is_per_user=False), "unavailable"),
    HubClosed: (HubClosed(SECRET), "unavailable"),
    PersisterFull: (PersisterFull(SECRET), "unavailable"),
    PersisterStopped: (PersisterStopped(SECRET), "unavailable"),
    events_errors.DamagedFile: (events_errors.DamagedFile(SECRET, is_there=True), "unavailable"),
    events_errors.FiguresNotReady: (events_errors.FiguresNotReady(SECRET), "unavailable"),
    events_errors.PiecesNotReady: (events_errors.PiecesNotReady(SECRET), "not-ready"),
    VideoMissing: (VideoMissing(SECRET), "not-found"),
    events_errors.OrderMismatch: (events_errors.OrderMismatch(SECRET), "order-mismatch"),
    events_errors.ForeignStorage: (events_errors.ForeignStorage(SECRET), "unavailable"),
    events_errors.NotTaken: (events_errors.NotTaken("x", SECRET), "internal"),  # in the import
    events_errors.NoLongerWanted: (events_errors.NoLongerWanted(SECRET), "internal"),  # in a worker
    DeliveryError: (DeliveryError(Path(SECRET)), "internal"),
    FileUnavailable: (FileUnavailable(Path(SECRET)), "unavailable"),
    FileTruncated: (FileTruncated(Path(SECRET)), "internal"),  # it comes after the headers
    StorageError: (StorageError(SECRET), "unavailable"),
    storage_errors.InvalidSubtitles: (
        storage_errors.InvalidSubtitles.at(3, "times are expected here"),
        "invalid-request",
    ),
    storage_errors.HugeTextTrack: (storage_errors.HugeTextTrack(SECRET), "too-large"),
    storage_errors.InvalidPath: (storage_errors.InvalidPath(SECRET), "internal"),
    storage_errors.FileMissing: (storage_errors.FileMissing(SECRET), "unavailable"),
    storage_errors.StorageFull: (storage_errors.StorageFull(SECRET), "over-quota"),
    storage_errors.StorageReadOnly: (storage_errors.StorageReadOnly(SECRET), "unavailable"),
    storage_errors.StorageGone: (storage_errors.StorageGone(SECRET), "unavailable"),
    storage_errors.StorageUnfit: (storage_errors.StorageUnfit(SECRET), "unavailable"),
    storage_errors.StorageForeign: (storage_errors.StorageForeign(SECRET), "unavailable"),
    storage_errors.PartialBusy: (storage_errors.PartialBusy(SECRET), "locked"),
    storage_errors.PartialLost: (storage_errors.PartialLost(SECRET), "not-found"),
    storage_errors.UnsupportedFormat: (
        storage_errors.UnsupportedFormat(SECRET),
        "unsupported-format",
    ),
    storage_errors.WordedError: (storage_errors.WordedError("No."), "unavailable"),
    storage_errors.RefusedFormat: (storage_errors.RefusedFormat("No."), "unsupported-format"),
    storage_errors.UnknownCodec: (storage_errors.UnknownCodec("No."), "undecodable"),
    storage_errors.UnsupportedPicture: (
        storage_errors.UnsupportedPicture(SECRET),
        "unsupported-format",
    ),
    storage_errors.BadPicture: (storage_errors.BadPicture(SECRET), "undecodable"),
    storage_errors.HugePicture: (storage_errors.HugePicture(SECRET), "too-complex"),
    storage_errors.Undecodable: (storage_errors.Undecodable(SECRET), "undecodable"),
    storage_errors.Truncated: (storage_errors.Truncated(SECRET), "undecodable"),
    storage_errors.MismatchedPieces: (storage_errors.MismatchedPieces(SECRET), "unavailable"),
    storage_errors.NoVideo: (storage_errors.NoVideo(SECRET), "no-video"),
    storage_errors.FormatWithoutVideo: (storage_errors.FormatWithoutVideo("No."), "no-video"),
    storage_errors.TooComplex: (storage_errors.TooComplex(SECRET), "too-complex"),
    storage_errors.MediaTimedOut: (storage_errors.MediaTimedOut(SECRET), "too-complex"),
    storage_errors.MediaInterrupted: (storage_errors.MediaInterrupted(SECRET), "unavailable"),
    storage_errors.SandboxBusy: (storage_errors.SandboxBusy(SECRET), "unavailable"),
    storage_errors.MediaCrashed: (storage_errors.MediaCrashed(SECRET), "undecodable"),
    s3_errors.S3Error: (s3_errors.S3Error(SECRET), "internal"),  # in the import
    s3_errors.S3SourceUnavailable: (s3_errors.S3SourceUnavailable(SECRET), "unavailable"),
    s3_errors.S3SourceGone: (s3_errors.S3SourceGone(SECRET), "failed"),
}


def test_every_error_of_a_lower_room_has_a_row() -> None:
    rooms = (db_errors, events_errors, delivery_errors, storage_errors, s3_errors)

    assert set().union(*(own(room) for room in rooms)) <= LOWER.keys()


@pytest.mark.parametrize(("exc", "code"), LOWER.values(), ids=lambda it: type(it).__name__)
def test_error_of_a_lower_room_is_answered(exc: Exception, code: str) -> None:
    assert as_request_error(exc).code == code


@pytest.mark.parametrize(
    "exc",
    [
        *(exc for exc, _ in LOWER.values()),
        RuntimeError(SECRET),
        OSError(errno.EACCES, SECRET, SECRET),
        storage_error(OSError(errno.EIO, SECRET, SECRET)),
        web.HTTPInternalServerError(text=SECRET, reason="secret"),
        LineTooLong(SECRET.encode(), 8190),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_nothing_leaks(exc: Exception) -> None:
    answer = as_request_error(exc).answer("request-1")

    assert isinstance(answer.body, bytes)
    assert b"secret" not in answer.body.lower()
    assert "secret" not in answer.reason.lower()


def test_subscribers_too_many_for_one_user_are_rate_limited() -> None:
    assert as_request_error(TooManySubscribers(is_per_user=True)).code == "rate-limited"


def test_request_error_stays_what_it_is() -> None:
    exc = errors.NotReady()

    assert as_request_error(exc) is exc


@pytest.mark.parametrize(
    ("exc", "status"),
    [
        (web.HTTPNotFound(), 404),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405),
        (web.HTTPRequestEntityTooLarge(1, 2), 413),
        (web.HTTPUnsupportedMediaType(), 415),
        (web.HTTPBadRequest(), 400),
        (web.HTTPExpectationFailed(), 400),
        (web.HTTPInternalServerError(), 500),
        (web.RequestPayloadError("chunk"), 400),
        (LineTooLong(b"x", 8190), 400),
    ],
    ids=lambda it: type(it).__name__,
)
def test_error_of_the_http_library_is_answered(exc: Exception, status: int) -> None:
    assert as_request_error(exc).status == status


def test_wrong_method_keeps_the_right_ones() -> None:
    exc = as_request_error(web.HTTPMethodNotAllowed("PUT", ["GET", "HEAD"]))

    assert exc.headers == {"Allow": "GET,HEAD"}
