"""Checksum of the bytes of one request (tus 1.0.0, extension "Checksum")."""

import hashlib
import hmac
from dataclasses import dataclass

from events.uploads.errors import WrongChecksum
from storage.receiving.uploads import Digest


@dataclass(frozen=True, slots=True)
class Checksum:
    """`algorithm` is one of hashlib's names."""

    algorithm: str
    digest: bytes

    def start(self) -> Digest:
        return hashlib.new(self.algorithm)

    def verify(self, found: Digest) -> None:
        """Raises: WrongChecksum."""
        if not hmac.compare_digest(found.digest(), self.digest):
            raise WrongChecksum
