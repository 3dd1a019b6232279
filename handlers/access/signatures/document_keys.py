"""Signatures of documents that others keep and verify by themselves: JWS with Ed25519.

Sources: RFC 7515 (JWS), RFC 8037 (EdDSA), RFC 7517 (JWK sets), RFC 7638 (thumbprints as `kid`). The
private key is derived from the secret of grants, which all processes and machines share, so each
signs alike and none stores it. Public keys are stored: after the secret was changed, documents that
were signed before can still be verified.
"""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from db import document_keys
from db.pool import Database
from handlers.access.auth import STRANGE

ALGORITHM = "EdDSA"
PURPOSE = b"coursestream signed documents, 1"  # changing it changes the key
KEY_BYTES = 32
READ_INTERVAL_S = 30.0  # bounds how long another process's new key is not published here

Document = TypeVar("Document", bound=msgspec.Struct)


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A JWK of an Ed25519 key; `x` is its base64url."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    x: str
    kid: str
    alg: str = ALGORITHM
    use: str = "sig"


class KeySet(msgspec.Struct, frozen=True):
    """A JWK set."""

    keys: list[PublicKey]


class DocumentSigner:
    """Signs with the key of a secret."""

    def __init__(self, secret: str) -> None:
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
        self._key = Ed25519PrivateKey.from_private_bytes(hkdf.derive(secret.encode()))
        self.public_x = _base64url(self._key.public_key().public_bytes_raw())
        self.kid = _thumbprint(self.public_x)

    def sign(self, kind: str, document: msgspec.Struct) -> str:
        """Returns a JWS in compact form; `kind` is its `typ` (RFC 8725 section 3.11)."""
        headers = {"kid": self.kid, "typ": kind}
        return jwt.PyJWS().encode(
            msgspec.json.encode(document), self._key, algorithm=ALGORITHM, headers=headers
        )

    def read(self, kind: str, token: str, document: type[Document]) -> Document | None:
        """Returns what was signed by the present key; None for anything else."""
        try:
            signed = jwt.PyJWS().decode_complete(
                token, self._key.public_key(), algorithms=[ALGORITHM]
            )
            if signed["header"].get("typ") != kind:
                return None
            return msgspec.json.decode(signed["payload"], type=document)
        except (*STRANGE, msgspec.MsgspecError):
            return None


class PublishedKeys:
    """The keys of all secrets that this database has seen, newest first."""

    def __init__(
        self,
        database: Database,
        signer: DocumentSigner,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._keys: KeySet | None = None
        self._read_at_s = 0.0

    async def publish(self) -> None:
        """Adds our own. Raises: DatabaseError."""
        await document_keys.add(self._database, self._signer.kid, self._signer.public_x)

    async def all(self) -> KeySet:
        """Raises: DatabaseError."""
        if self._keys is None or self._clock() - self._read_at_s >= READ_INTERVAL_S:
            rows = await document_keys.list_all(self._database)
            self._keys = KeySet([PublicKey(x=row.public_x, kid=row.kid) for row in rows])
            self._read_at_s = self._clock()
        return self._keys


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _thumbprint(x: str) -> str:
    """Returns the key's thumbprint: SHA-256 of its required members in lexicographic order."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return _base64url(hashlib.sha256(members.encode()).digest())
