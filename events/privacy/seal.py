"""Texts encrypted for the database: a copy of it does not show them.

AES-GCM (NIST SP 800-38D) with a key derived from the secret of grants, which all processes and
machines share. After that secret was changed, what was sealed before can no longer be read.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"coursestream sealed texts, 1"  # changing it makes all of them unreadable
KEY_BYTES = 32
NONCE_BYTES = 12


class Seal:
    """Seals texts; each for a `place`, in which alone it can be read."""

    def __init__(self, secret: str) -> None:
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
        self._cipher = AESGCM(hkdf.derive(secret.encode()))

    def seal(self, text: str, place: str) -> str:
        """Returns base64url; never twice the same."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), place.encode())
        return urlsafe_b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str, place: str) -> str | None:
        """Returns None for what this key did not seal for that place."""
        try:
            data = urlsafe_b64decode(sealed)
            plain = self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            return None
        return plain.decode()
