"""Keys that verify tokens: a shared secret, a public key in PEM, or a JWK set (RFC 7517).

Pure. The algorithm is derived from the key's type, never from a token: a public key is never used
as an HMAC secret, and symmetric keys of a set are ignored. Sets are fetched in `issuer_keys`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

HS256 = "HS256"
PUBLIC_KEY_ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
RSA_BITS = range(2048, 8192 + 1)  # RFC 7518 section 3.3; above, a verification takes milliseconds
MAX_KEYS = 100  # issuers rotate between two or three
MAX_KID_LENGTH = 256


class UnusableKey(Exception):
    """The key cannot verify tokens."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key for exactly one algorithm; `text` is the secret, or the public key in PEM."""

    text: str = field(repr=False)
    algorithm: str


class Keys(Protocol):
    """The keys that are accepted now."""

    @property
    def algorithms(self) -> frozenset[str]: ...

    def holds(self, key: SigningKey) -> bool: ...

    async def find(self, kid: str | None) -> SigningKey | None: ...


class OnlyKey:
    """One key for every token, regardless of `kid`."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.algorithms = frozenset({key.algorithm})

    def holds(self, key: SigningKey) -> bool:
        return key is self._key or key == self._key

    async def find(self, kid: str | None) -> SigningKey:
        return self._key


def shared_secret(secret: str) -> SigningKey:
    return SigningKey(secret, HS256)


def parse_public_key(pem: bytes) -> SigningKey:
    """Raises: UnusableKey."""
    try:
        return _signing_key(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("it holds no public key in PEM (BEGIN PUBLIC KEY)") from None


def parse_key_set(body: bytes) -> Mapping[str | None, SigningKey]:
    """Returns the usable keys by `kid`; skips keys that are not for us. Raises: UnusableKey."""
    try:
        found = msgspec.json.decode(body, type=_JwkSet)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise UnusableKey("the answer is no JWK set") from exc
    keys: dict[str | None, SigningKey] = {}
    for jwk in found.keys[:MAX_KEYS]:
        try:
            keys.setdefault(_kid(jwk), _key_of(jwk))
        except UnusableKey:
            continue
    return keys


class _JwkSet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _kid(jwk: Mapping[str, Any]) -> str | None:
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KID_LENGTH):
        raise UnusableKey
    return kid


def _key_of(jwk: Mapping[str, Any]) -> SigningKey:
    """Raises: UnusableKey for secrets, private or encryption keys, and other algorithms."""
    operations = jwk.get("key_ops", ["verify"])
    is_for_us = jwk.get("use", "sig") == "sig" and isinstance(operations, list)
    # With a published private key anybody can sign tokens.
    if not is_for_us or "verify" not in operations or jwk.get("kty") == "oct" or "d" in jwk:
        raise UnusableKey
    try:
        key = _signing_key(jwt.PyJWK({**jwk, "alg": None}).key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        raise UnusableKey from None
    if jwk.get("alg", key.algorithm) != key.algorithm:
        raise UnusableKey
    return key


def _signing_key(key: Any) -> SigningKey:
    """Raises: UnusableKey."""
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(pem.decode(), _algorithm(key))


def _algorithm(key: Any) -> str:
    match key:
        case RSAPublicKey() if key.key_size in RSA_BITS:
            return "RS256"
        case RSAPublicKey():
            raise UnusableKey(f"an RSA key has {RSA_BITS[0]} to {RSA_BITS[-1]} bits")
        case EllipticCurvePublicKey() if isinstance(key.curve, SECP256R1):
            return "ES256"
        case Ed25519PublicKey():
            return "EdDSA"
    raise UnusableKey("it must be an RSA, P-256 or Ed25519 key")
