"""Bearer tokens for people at the command line and for the demo; real ones come from elsewhere."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt

TokenMint = Callable[..., str]  # (user_id, *, roles, ttl_s) -> token


def mint_token(
    secret: str,
    user_id: str,
    *,
    roles: Sequence[str] = (),
    ttl_s: float = 3600.0,
    audience: str | None = None,
    issuer: str | None = None,
) -> str:
    """An HS256 token with the claims that the service asks for."""
    claims: dict[str, Any] = {"sub": user_id, "exp": int(time.time() + ttl_s)}
    optional = {"roles": list(roles), "aud": audience, "iss": issuer}
    claims.update({name: value for name, value in optional.items() if value})
    return jwt.encode(claims, secret, algorithm="HS256")
