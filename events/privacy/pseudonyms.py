"""Pseudonyms: stable names that stand for user ids within one installation.

A keyed hash (HMAC-SHA256, RFC 2104) with a key derived from the secret of grants: without the key
nobody can find out whose a pseudonym is by hashing the ids that may be meant.
"""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Iterable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.concurrency.bounded_cache import BoundedCache

PURPOSE = b"coursestream pseudonyms, 1"  # changing it renames everybody
KEY_BYTES = 32
SHOWN_BYTES = 10  # 16 letters: two of a million people have one name with a chance of 1 to 10^12
PREFIX = "p-"
ERASED_PREFIX = "erased-"
REMEMBERED = 50_000


class Pseudonyms:
    """Names of this installation; each is an identifier as the API's are."""

    def __init__(self, secret: str) -> None:
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
        self._key = hkdf.derive(secret.encode())
        self._remembered: BoundedCache[str, str] = BoundedCache(REMEMBERED)

    def of(self, user_id: str) -> str:
        """Returns the name under which others see this user."""
        known = self._remembered.get(user_id)
        if known is None:
            known = PREFIX + self._digest("shown", user_id)
            self._remembered.put(user_id, known)
        return known

    def after_erasure(self, user_id: str) -> str:
        """Returns the name that stands in place of an erased user's id; tells nobody the other
        name."""
        return ERASED_PREFIX + self._digest("erased", user_id)

    def find(self, pseudonym: str, user_ids: Iterable[str]) -> str | None:
        """Returns whose pseudonym it is; None if it is nobody's of them."""
        return next((one for one in user_ids if self.of(one) == pseudonym), None)

    def _digest(self, use: str, user_id: str) -> str:
        digest = hmac.digest(self._key, f"{use}\0{user_id}".encode(), hashlib.sha256)
        return b32encode(digest[:SHOWN_BYTES]).decode().lower()
