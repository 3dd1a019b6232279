"""The secret by which edges are known that fetch what they keep for many viewers."""

import hmac

from multidict import MultiMapping

from handlers.errors import NotAllowed
from handlers.header_values import field_value

ORIGIN_SECRET = "X-Origin-Secret"


class OriginSecret:
    """Compares in constant time; without a secret nobody is an edge."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret.encode() if secret else None

    def require(self, headers: MultiMapping[str]) -> None:
        """Raises NotAllowed."""
        sent = (field_value(headers, ORIGIN_SECRET) or "").encode("utf-8", "surrogateescape")
        if self._secret is None or not hmac.compare_digest(sent, self._secret):
            raise NotAllowed(f"This address is for edges, which send `{ORIGIN_SECRET}`.")
