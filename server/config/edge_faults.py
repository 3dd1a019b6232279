"""Faults of edge settings that are valid alone but not together, a sentence each. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

BY_GRANT = "grant"


def edge_faults(prefix: str, found: Mapping[str, Any]) -> list[str]:
    """`found` maps names of fields to values; those that are faults by themselves are missing."""
    return [*_cdn_faults(prefix, found), *_handover_faults(prefix, found)]


def _cdn_faults(prefix: str, found: Mapping[str, Any]) -> list[str]:
    if found.get("cdn_url") is None:
        return list(_without_edge(prefix, found))
    if found.get("cdn_signing", BY_GRANT) == BY_GRANT:
        return list(_by_grant(prefix, found))
    return list(_signed(prefix, found))


def _handover_faults(prefix: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("accel_redirect") and found.get("stream_bandwidth_limit_bytes"):
        yield (
            f"{prefix}STREAM_BANDWIDTH_LIMIT: found together with {prefix}ACCEL_REDIRECT, but then"
            " nginx sends the bytes: set its limit_rate instead"
        )


def _without_edge(prefix: str, found: Mapping[str, Any]) -> Iterator[str]:
    if "cdn_url" not in found:  # a fault of its own
        return
    names = [name for name in ("cdn_key_file", "cdn_origin_secret") if found.get(name)]
    if found.get("cdn_signing", BY_GRANT) != BY_GRANT:
        names.insert(0, "cdn_signing")
    if names:
        others = " and ".join(f"{prefix}{name.upper()}" for name in names)
        yield f"{prefix}CDN_URL: found nothing, but {others} without an edge mean nothing"


def _by_grant(prefix: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("cdn_key_file"):
        yield (
            f"{prefix}CDN_KEY_FILE: found a file, but {prefix}CDN_SIGNING={BY_GRANT} signs nothing:"
            " set the form of the signatures, or no key"
        )


def _signed(prefix: str, found: Mapping[str, Any]) -> Iterator[str]:
    signing = found["cdn_signing"]
    for name, reason in (
        ("cdn_key_file", "signs with it"),
        ("cdn_origin_secret", "fetches what it keeps by it"),
    ):
        if name in found and not found[name]:
            yield (
                f"{prefix}{name.upper()}: found nothing, but {prefix}CDN_SIGNING={signing} {reason}"
            )
    if signing == "bunny" and urlsplit(found["cdn_url"]).path:
        yield (
            f"{prefix}CDN_URL: found a path, but bunny expects its token right after the host: give"
            " the address of the pull zone alone"
        )
