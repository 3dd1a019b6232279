"""Built files in memory: their bodies by content coding, and the header fields of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Self

from aiohttp import hdrs

from events.http_dates import http_date
from handlers.delivery.conditional import ETag, Validators
from handlers.pages.encodings import ENCODINGS, chosen_encoding

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml; charset=utf-8",
        ".woff2": "font/woff2",
    }
)
# `web/build.mjs` puts a hash of the content into the names of all but pages and stable entries.
_HASHED = re.compile(r".+-[0-9A-Z]{8}\.[a-z0-9]+")
FOREVER = "public, max-age=31536000, immutable"
# Names without a version: browsers revalidate each time and get 304.
REVALIDATED = "no-cache"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file; `compressed` holds its bodies by content coding."""

    body: bytes
    compressed: Mapping[str, bytes]
    media_type: str
    cache_control: str
    last_modified_s: int
    policy: str

    @classmethod
    def read(cls, path: Path, policy: str) -> Self:
        """Reads the file and the compressed ones beside it. Blocks."""
        beside = {name: path.with_name(path.name + suffix) for name, suffix in ENCODINGS.items()}
        return cls(
            path.read_bytes(),
            {name: copy.read_bytes() for name, copy in beside.items() if copy.exists()},
            MEDIA_TYPES[path.suffix],
            FOREVER if _HASHED.fullmatch(path.name) else REVALIDATED,
            int(path.stat().st_mtime),
            policy,
        )

    def encoding_for(self, accept: str | None) -> str | None:
        return chosen_encoding(accept, frozenset(self.compressed))

    def encoded(self, encoding: str | None) -> bytes:
        return self.body if encoding is None else self.compressed[encoding]

    def validators(self, encoding: str | None) -> Validators:
        """Each coding is a representation of its own, with its own strong tag."""
        digest = sha256(self.encoded(encoding)).hexdigest()[:16]
        return Validators(ETag(digest), self.last_modified_s)

    def headers(self, encoding: str | None) -> dict[str, str]:
        validators = self.validators(encoding)
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: self.media_type,
            hdrs.ETAG: str(validators.etag),
            hdrs.LAST_MODIFIED: http_date(validators.last_modified_s),
            hdrs.CACHE_CONTROL: self.cache_control,
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            hdrs.CONTENT_SECURITY_POLICY: self.policy,
            hdrs.REFERRER_POLICY: "no-referrer",
            hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
        }
        if encoding is not None:
            headers[hdrs.CONTENT_ENCODING] = encoding
        return headers
