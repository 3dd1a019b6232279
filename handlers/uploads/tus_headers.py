"""Header fields of tus 1.0.0, parsed and built.

Source: https://tus.io/protocols/resumable-upload, "Headers" and the extensions "Creation" and
"Checksum". Pure; the consequences of a value are decided elsewhere.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from events.uploads.checksum import Checksum
from handlers.errors import InvalidRequest

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
# Name -> bytes of a digest; the names are hashlib's, too.
CHECKSUMS: Mapping[str, int] = {"sha1": 20, "sha256": 32}
OFFSET_OCTETS = "application/offset+octet-stream"

TUS_RESUMABLE = "Tus-Resumable"
TUS_VERSION = "Tus-Version"
TUS_EXTENSION = "Tus-Extension"
TUS_MAX_SIZE = "Tus-Max-Size"
TUS_CHECKSUM_ALGORITHM = "Tus-Checksum-Algorithm"
UPLOAD_OFFSET = "Upload-Offset"
UPLOAD_LENGTH = "Upload-Length"
UPLOAD_DEFER_LENGTH = "Upload-Defer-Length"
UPLOAD_CONCAT = "Upload-Concat"
UPLOAD_METADATA = "Upload-Metadata"
UPLOAD_CHECKSUM = "Upload-Checksum"
UPLOAD_EXPIRES = "Upload-Expires"
VIDEO_ID = "X-Video-ID"
METHOD_OVERRIDE = "X-HTTP-Method-Override"

# With the rest of a head it fits into 4 KiB, the limit of some proxies.
MAX_METADATA_BYTES = 3 * 1024

MAX_CHECKSUM_LENGTH = 128  # no digest that is known is as long

_SIZE = re.compile(r"[0-9]{1,18}")  # fits a signed 64-bit integer
_KEY = re.compile(r"[!-+\--~]+")  # visible ASCII but the comma


def parse_size(name: str, text: str | None) -> int:
    """Parse a number of bytes. Raises InvalidRequest."""
    if text is None or not _SIZE.fullmatch(text):
        raise InvalidRequest(f"{name} must be a number of bytes.")
    return int(text)


def parse_metadata(text: str) -> dict[str, bytes]:
    """Parse the pairs of `Upload-Metadata`. Raises InvalidRequest, also for too long a field."""
    if len(text) > MAX_METADATA_BYTES:
        raise InvalidRequest(f"Upload-Metadata may have at most {MAX_METADATA_BYTES} bytes.")
    pairs: dict[str, bytes] = {}
    for pair in text.split(",") if text.strip(" \t") else ():
        key, _, value = pair.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key) or key in pairs:
            raise InvalidRequest("A key of Upload-Metadata is missing, malformed or doubled.")
        pairs[key] = _decoded(UPLOAD_METADATA, value)
    return pairs


def build_metadata(pairs: Mapping[str, bytes]) -> str:
    """Build the field that `parse_metadata` reads."""
    encoded = ((key, base64.b64encode(value).decode()) for key, value in pairs.items())
    return ",".join(f"{key} {value}".rstrip(" ") for key, value in encoded)


def parse_checksum(text: str | None) -> Checksum | None:
    """Parse `Upload-Checksum`; None if absent. Raises InvalidRequest, also for other algorithms."""
    if text is None:
        return None
    algorithm, _, value = text[:MAX_CHECKSUM_LENGTH].partition(" ")
    digest = _decoded(UPLOAD_CHECKSUM, value)
    if CHECKSUMS.get(algorithm) != len(digest):
        known = " or ".join(CHECKSUMS)
        raise InvalidRequest(f"Upload-Checksum must be {known}, a space and a digest in Base64.")
    return Checksum(algorithm, digest)


def _decoded(name: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:  # ValueError: not ASCII
        raise InvalidRequest(f"A value of {name} is not Base64.") from exc
