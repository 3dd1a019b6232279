"""URLs of videos, as course services keep them, resolved to candidate buckets and keys.

Virtual-host and path style, `s3://` and CloudFront (Amazon S3 User Guide, "Methods for accessing a
bucket"). Hand-built URLs are ambiguous: S3 itself reads `+` in a path as a blank, and many services
never encoded their keys. So one URL may mean several keys, the likeliest first; S3 decides which of
them exists. Query strings are signatures and are left out.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

MAX_KEY_BYTES = 1024

_BUCKET = r"(?P<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])"
# Regions follow a dot or, long ago, a hyphen; `dualstack` and website endpoints have them, too.
_SERVICE = (
    r"s3(?:-accelerate|-website)?(?:[.-](?:dualstack\.)?[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?"
)
_VIRTUAL_HOST = re.compile(rf"{_BUCKET}\.{_SERVICE}")
_SERVICE_HOST = re.compile(_SERVICE)
_BUCKET_NAME = re.compile(_BUCKET)


class UnknownLocation(ValueError):
    """The URL does not lead to an object in S3; the message says why."""


@dataclass(frozen=True, slots=True)
class Location:
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts outside the rules of S3: CloudFront's with their buckets, and a custom endpoint's."""

    cloudfront: Mapping[str, str] = field(default_factory=dict)
    endpoint: str | None = None


def parse_url(url: str, hosts: Hosts) -> tuple[Location, ...]:
    """Candidate locations of the URL, the likeliest first. Raises: UnknownLocation.

    Blanks at the end are mostly a slip, but a key may end in them.
    """
    found = [*_candidates(url.strip(), hosts)]
    with suppress(UnknownLocation):  # a byte too long with its blanks
        found += _candidates(url.lstrip().rstrip("\t\r\n"), hosts)
    return tuple(dict.fromkeys(found))


def _candidates(url: str, hosts: Hosts) -> Iterator[Location]:
    scheme, _, rest = url.partition("://")
    if scheme.lower() == "s3":
        bucket, _, raw = rest.partition("/")
        keys = [raw, *_decode(raw)]  # the AWS command line never encodes
    elif scheme.lower() in ("http", "https"):
        bucket, raw = _bucket_and_path(url, hosts)
        keys = [*_decode(raw), *_decode(raw.replace("+", " ")), raw]
    else:
        raise UnknownLocation("neither https:// nor s3://")
    if not _BUCKET_NAME.fullmatch(bucket):
        raise UnknownLocation(f"{bucket!r} is no name of a bucket")
    yield from (Location(bucket, key) for key in _valid_keys(keys))


def endpoint_host(endpoint_url: str | None) -> str | None:
    """The host in URLs of objects at that endpoint."""
    return urlsplit(endpoint_url).netloc.lower() if endpoint_url else None


def _bucket_and_path(url: str, hosts: Hosts) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        host, name = parts.netloc.lower(), (parts.hostname or "")
    except ValueError as exc:
        raise UnknownLocation(f"no URL: {exc}") from exc
    if "versionId=" in parts.query:
        raise UnknownLocation("it names one version of an object")
    path = parts.path.removeprefix("/")
    if bucket := hosts.cloudfront.get(name) or _virtual_bucket(host, name, hosts):
        return bucket, path
    if host == hosts.endpoint or _SERVICE_HOST.fullmatch(name):
        bucket, _, path = path.partition("/")
        return bucket, path
    raise UnknownLocation(f"{name!r} is no host of S3: is it missing in --cloudfront-map?")


def _virtual_bucket(host: str, name: str, hosts: Hosts) -> str | None:
    if hosts.endpoint and host.endswith(f".{hosts.endpoint}"):
        return host.removesuffix(f".{hosts.endpoint}")
    match = _VIRTUAL_HOST.fullmatch(name)
    return match["bucket"] if match else None


def _decode(raw: str) -> Iterator[str]:
    try:
        yield unquote(raw, errors="strict")
    except UnicodeDecodeError:
        return


def _valid_keys(keys: list[str]) -> list[str]:
    possible = [key for key in keys if 0 < len(key.encode()) <= MAX_KEY_BYTES and "\0" not in key]
    if not possible:
        raise UnknownLocation(f"it has no key of 1 to {MAX_KEY_BYTES} bytes")
    return possible
