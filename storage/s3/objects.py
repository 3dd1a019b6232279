"""Facts of an object in S3, and its fetchability, from one HEAD of each key it may have.

boto3 blocks: everything here is for threads. Its retries back off from 503 SlowDown by themselves;
every request has a time-out.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

from storage.s3.errors import S3Error
from storage.s3.locations import Location

Client = Any  # boto3 creates its classes at run time
State = Literal[
    "found", "missing", "denied", "archived", "encoded", "empty", "too-large", "unreachable"
]

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
ATTEMPTS = 6  # with botocore's back-off some 20 to 60 s

# Errors that concern every object.
_OURS_TO_MEND = (
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    InvalidRegionError,
    ValueError,  # raised by botocore for an endpoint that is no URL
)
_BY_CODE: dict[str, State] = {
    "404": "missing",
    "NoSuchKey": "missing",
    "NoSuchBucket": "missing",
    "NotFound": "missing",
    "403": "denied",
    "AccessDenied": "denied",
    "InvalidObjectState": "archived",
}
_DETAILS: dict[State, str] = {
    "missing": "no such object",
    "denied": "not allowed: s3:GetObject, and s3:ListBucket to tell missing from forbidden",
}
# Glacier Instant Retrieval behaves like any other class.
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
# A way of sending that some clients leave in the metadata; the stored bytes are plain.
_NO_ENCODINGS = frozenset({"", "identity", "aws-chunked"})


@dataclass(frozen=True, slots=True)
class S3Object:
    """`size_bytes` and `etag` belong to existing objects; `detail` says what to do."""

    location: Location
    state: State
    size_bytes: int = 0
    etag: str = ""
    detail: str = ""


def open_client(
    endpoint_url: str | None, region: str | None, profile: str | None, connections: int
) -> Client:
    """Open a client with this module's time-outs and retries. Raises: S3Error."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        max_pool_connections=connections,
        s3={"addressing_style": "path" if endpoint_url else "auto"},
    )
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        return session.client("s3", endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as exc:
        raise S3Error(str(exc)) from exc


def look_up(client: Client, max_size_bytes: int, candidates: Sequence[Location]) -> S3Object:
    """The first location that exists, or the outcome of the first. Raises: S3Error."""
    answers = []
    for location in candidates:
        answers.append(_head(client, location, max_size_bytes))
        if answers[-1].state != "missing":
            return answers[-1]
    return answers[0]


def _head(client: Client, location: Location, max_size_bytes: int) -> S3Object:
    try:
        answer = client.head_object(Bucket=location.bucket, Key=location.key)
    except ClientError as exc:
        return parse_refusal(location, exc)
    except _OURS_TO_MEND as exc:
        raise S3Error(str(exc)) from exc
    except BotoCoreError as exc:
        return S3Object(location, "unreachable", detail=str(exc))
    size_bytes = int(answer["ContentLength"])
    state, detail = _classify(location, answer, size_bytes, max_size_bytes)
    return S3Object(location, state, size_bytes, answer["ETag"].strip('"'), detail)


def parse_refusal(location: Location, exc: ClientError) -> S3Object:
    """Convert S3's refusal to the state of the object."""
    refusal = exc.response.get("Error", {})
    state = _BY_CODE.get(str(refusal.get("Code", "")), "unreachable")
    if state == "archived":
        return S3Object(location, state, detail=_how_to_restore(location, dict(refusal)))
    return S3Object(location, state, detail=_DETAILS.get(state, str(exc)))


def _classify(
    location: Location, answer: dict[str, Any], size_bytes: int, max_size_bytes: int
) -> tuple[State, str]:
    if _is_archived(answer):
        return "archived", _how_to_restore(location, answer)
    if coding := _stored_coding(answer):
        return "encoded", f"stored with Content-Encoding {coding}: store the file itself, run again"
    if size_bytes == 0:
        return "empty", "the object has no bytes"
    if size_bytes > max_size_bytes:
        return "too-large", f"over COURSESTREAM_MAX_UPLOAD_SIZE ({max_size_bytes} bytes)"
    return "found", ""


def _stored_coding(answer: dict[str, Any]) -> str:
    """The codings of the stored bytes (RFC 9110 section 8.4); '' for plain ones.

    S3 delivers them as they are: what arrives is a compressed file, not a video.
    """
    codings = map(str.strip, answer.get("ContentEncoding", "").lower().split(","))
    return ", ".join(one for one in codings if one not in _NO_ENCODINGS)


def _is_archived(answer: dict[str, Any]) -> bool:
    is_in_archive = answer.get("StorageClass") in _ARCHIVES or "ArchiveStatus" in answer
    return is_in_archive and 'ongoing-request="false"' not in answer.get("Restore", "")


def _how_to_restore(location: Location, answer: dict[str, Any]) -> str:
    if "Restore" in answer:
        return "being restored: run again once it is there, some hours from now"
    names = f"--bucket {shlex.quote(location.bucket)} --key {shlex.quote(location.key)}"
    # Objects of Intelligent-Tiering are restored for good; S3 refuses a number of days for them.
    days = "" if answer.get("StorageClass") == "INTELLIGENT_TIERING" else "Days=7"
    request = f"--restore-request '{days or '{}'}'"
    return f"restore it first, then run again: aws s3api restore-object {names} {request}"
