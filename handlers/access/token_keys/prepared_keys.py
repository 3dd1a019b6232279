"""Keys of tokens, prepared once instead of for each token.

aiohttp-jwt hands PyJWT a text, and PyJWT parses a public key, or looks whether a secret is PEM, DER
or a JWK, at every verification: half of what a new token costs. Which keys count is decided in
`signing_keys`; what is remembered here accepts nothing by itself.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jwt

from handlers.access.token_keys.signing_keys import HS256, MAX_KEYS, PUBLIC_KEY_ALGORITHMS

REMEMBERED_KEYS = 2 * MAX_KEYS  # of an issuer, before and after it changed all of them

Prepare = Callable[[Any], Any]


def remember_prepared_keys() -> None:
    """Makes PyJWT's algorithms of this process remember keys by their text. Idempotent."""
    for name in (HS256, *PUBLIC_KEY_ALGORITHMS):
        algorithm = jwt.get_algorithm_by_name(name)
        if "prepare_key" not in vars(algorithm):
            vars(algorithm)["prepare_key"] = _remembering(algorithm.prepare_key)


def _remembering(prepare: Prepare) -> Prepare:
    of_text = lru_cache(REMEMBERED_KEYS)(prepare)

    def prepare_key(key: Any) -> Any:
        return of_text(key) if isinstance(key, str) else prepare(key)  # objects are prepared

    return prepare_key
