"""Signatures that edges and CDNs verify by themselves.

Sources: nginx's ngx_http_secure_link_module; bunny.net, "Advanced token authentication", with the
token of a directory in the path; Amazon CloudFront Developer Guide, "Set signed cookies using a
custom policy". Pure: key, video and expiry in, a path and cookies out. A signature covers all files
of one video, so that playlists can name them by relative addresses, and it holds until it expires:
nothing withdraws it.
"""

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1

ORIGIN_PATH = "/media/{}/"  # the origin's own, which Bunny and CloudFront ask for unchanged
_CLOUDFRONT_BASE64 = str.maketrans("+=/", "-_~")


@dataclass(frozen=True, slots=True)
class SignedPlace:
    """The path that a video's media stand below, and the cookies that open it."""

    path: str
    cookies: Mapping[str, str] = field(default_factory=dict)


class Signing(Protocol):
    """One form of signature, with its key."""

    def sign(self, video_id: UUID, expires_s: int) -> SignedPlace:
        """Signs for all files of a video until a Unix time."""
        ...


@dataclass(frozen=True, slots=True)
class SecureLink:
    """nginx's `secure_link_md5 "$secure_link_expires/$video_id KEY"`."""

    key: str = field(repr=False)

    def sign(self, video_id: UUID, expires_s: int) -> SignedPlace:
        # MD5 is what the module computes; a forger would need a second preimage of a keyed text.
        text = f"{expires_s}/{video_id} {self.key}".encode()
        digest = hashlib.md5(text, usedforsecurity=False).digest()
        return _in_path(video_id, expires_s, digest)


@dataclass(frozen=True, slots=True)
class HmacLink:
    """HMAC-SHA256 over video and expiry: for CDNs that run a few lines of code at the edge."""

    key: str = field(repr=False)

    def sign(self, video_id: UUID, expires_s: int) -> SignedPlace:
        return _in_path(video_id, expires_s, _hmac(self.key, f"{video_id}\n{expires_s}"))


@dataclass(frozen=True, slots=True)
class BunnyToken:
    """bunny.net's token of a directory, HMAC-SHA256."""

    key: str = field(repr=False)

    def sign(self, video_id: UUID, expires_s: int) -> SignedPlace:
        directory = ORIGIN_PATH.format(video_id)
        return SignedPlace(f"/{bunny_token(self.key, directory, expires_s)}{directory}")


@dataclass(frozen=True, slots=True)
class CloudFrontCookies:
    """CloudFront's signed cookies with a custom policy; `url` is that of the distribution."""

    url: str
    key_id: str
    key: RSAPrivateKey = field(repr=False)

    def sign(self, video_id: UUID, expires_s: int) -> SignedPlace:
        path = ORIGIN_PATH.format(video_id)
        policy = _policy(f"{self.url}{path}*", expires_s)
        signature = self.key.sign(policy, PKCS1v15(), SHA1())
        cookies = {
            "CloudFront-Policy": _cloudfront_base64(policy),
            "CloudFront-Signature": _cloudfront_base64(signature),
            "CloudFront-Key-Pair-Id": self.key_id,
        }
        return SignedPlace(path, cookies)


def bunny_token(key: str, directory: str, expires_s: int) -> str:
    """Returns the first segment of an address below `directory`."""
    digest = _hmac(key, f"{directory}{expires_s}token_path={directory}")
    named = quote(directory, safe="")
    return f"bcdn_token=HS256-{_base64url(digest)}&token_path={named}&expires={expires_s}"


def _in_path(video_id: UUID, expires_s: int, digest: bytes) -> SignedPlace:
    return SignedPlace(f"/c/{expires_s}/{_base64url(digest)}/{video_id}/")


def _policy(resource: str, expires_s: int) -> bytes:
    condition = {"DateLessThan": {"AWS:EpochTime": expires_s}}
    statement = {"Resource": resource, "Condition": condition}
    return json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()


def _hmac(key: str, text: str) -> bytes:
    return hmac.digest(key.encode(), text.encode(), "sha256")


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _cloudfront_base64(data: bytes) -> str:
    return b64encode(data).decode().translate(_CLOUDFRONT_BASE64)
