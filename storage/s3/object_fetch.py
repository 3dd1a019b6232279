"""Fetches the bytes of one object into a file, part by part, resuming after broken connections.

Blocks: each part runs in a thread of its own. Each answer must be of the very content that the
inventory saw (`If-Match`), so that parts of two versions never end up in one file.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from storage.errors import wrap_os_errors
from storage.s3.objects import Client, S3Object, parse_refusal
from storage.s3.parts import ObjectPart

CHUNK_BYTES = 256 * 1024
ATTEMPTS_WITHOUT_A_BYTE = 4
PAUSE_S = 0.5  # doubles each time; botocore backs off by itself from throttling


class FetchError(Exception):
    """An object cannot be fetched; `state` is its keyword in the report."""

    def __init__(self, state: str, detail: str) -> None:
        super().__init__(detail)
        self.state = state


class FetchControl:
    """State shared by fetching threads: byte counter, bandwidth limit, stop flag."""

    def __init__(self, on_bytes: Callable[[int], None], bytes_per_s: int | None = None) -> None:
        self._on_bytes = on_bytes
        self._bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at_s = 0.0
        self.stopping = threading.Event()

    def count(self, count_bytes: int) -> None:
        """Wait until the bandwidth limit admits as many bytes again."""
        self._on_bytes(count_bytes)
        if self._bytes_per_s is None:
            return
        with self._lock:
            now_s = time.monotonic()
            self._free_at_s = max(now_s, self._free_at_s) + count_bytes / self._bytes_per_s
            wait_s = self._free_at_s - now_s
        self.stopping.wait(wait_s)


def fetch_part(
    client: Client,
    found: S3Object,
    descriptor: int,
    part: ObjectPart,
    shared: FetchControl,
    halted: threading.Event,
) -> None:
    """Fetch a part until it ends or all stop; a failure halts the object's other parts.

    Raises: FetchError, StorageError.
    """
    try:
        _fetch_part(client, found, descriptor, part, shared, halted)
    except BaseException:
        halted.set()
        raise


def _fetch_part(
    client: Client,
    found: S3Object,
    descriptor: int,
    part: ObjectPart,
    shared: FetchControl,
    halted: threading.Event,
) -> None:
    attempt = 0
    while part.position < part.stop and not (shared.stopping.is_set() or halted.is_set()):
        before = part.position
        try:
            _fetch_once(client, found, descriptor, part, shared)
        except ClientError as exc:
            raise fetch_error(found, exc) from exc
        except (BotoCoreError, HTTPError, OSError) as exc:
            attempt = 1 if part.position > before else attempt + 1
            if attempt == ATTEMPTS_WITHOUT_A_BYTE:
                raise FetchError("unreachable", str(exc)) from exc
            shared.stopping.wait(PAUSE_S * 2**attempt)


def _fetch_once(
    client: Client, found: S3Object, descriptor: int, part: ObjectPart, shared: FetchControl
) -> None:
    answer = client.get_object(
        Bucket=found.location.bucket,
        Key=found.location.key,
        Range=f"bytes={part.position}-{part.stop - 1}",
        IfMatch=f'"{found.etag}"',
    )
    with closing(answer["Body"]) as body:
        while part.position < part.stop and not shared.stopping.is_set():
            chunk = body.read(min(CHUNK_BYTES, part.stop - part.position))
            if not chunk:
                return
            _write(descriptor, chunk, part.position)
            part.position += len(chunk)
            shared.count(len(chunk))


def _write(descriptor: int, chunk: bytes, position: int) -> None:
    view = memoryview(chunk)
    with wrap_os_errors():
        while view:
            written = os.pwrite(descriptor, view, position)
            view, position = view[written:], position + written


def fetch_error(found: S3Object, exc: ClientError) -> FetchError:
    """Convert S3's refusal of an object that the inventory has seen."""
    code = str(exc.response.get("Error", {}).get("Code", ""))
    if code in ("412", "PreconditionFailed"):
        return FetchError("changed", "the object has changed meanwhile: run again")
    refusal = parse_refusal(found.location, exc)
    is_gone = refusal.state == "missing"
    return FetchError("vanished" if is_gone else refusal.state, refusal.detail)
