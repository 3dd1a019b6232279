"""Token verification as configured: by shared secret, public key file or JWKS URL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from handlers.access.auth import TokenVerifier
from handlers.access.token_keys.issuer_keys import IssuerKeys
from handlers.access.token_keys.signing_keys import (
    Keys,
    OnlyKey,
    SigningKey,
    UnusableKey,
    parse_public_key,
    shared_secret,
)
from server.config.settings import Config
from server.errors import OperatorError

MAX_KEY_FILE_BYTES = 64 * 1024


class KeyFileError(OperatorError):
    """The public key cannot be read."""


@asynccontextmanager
async def token_verifier(config: Config) -> AsyncIterator[TokenVerifier]:
    """Yields the verifier; refreshes the issuer's keys meanwhile, if any. Raises: KeyFileError."""
    async with AsyncExitStack() as stack:
        keys: Keys
        if config.jwt_jwks_url is not None:
            keys = await stack.enter_async_context(IssuerKeys(config.jwt_jwks_url))
        else:
            keys = OnlyKey(await asyncio.to_thread(_only_key, config))
        yield TokenVerifier(
            keys,
            audience=config.jwt_audience,
            issuer=config.jwt_issuer,
            leeway_s=config.jwt_leeway_s,
        )


def check_key_file(config: Config) -> None:
    """Checks the key file before anything is started. Raises: KeyFileError."""
    if config.jwt_public_key_file is not None:
        _only_key(config)


def _only_key(config: Config) -> SigningKey:
    path = config.jwt_public_key_file
    if path is None:
        return shared_secret(config.jwt_secret.reveal())
    try:
        with path.open("rb") as file:
            return parse_public_key(file.read(MAX_KEY_FILE_BYTES))
    except OSError as exc:
        raise KeyFileError(f"COURSESTREAM_JWT_PUBLIC_KEY_FILE: {path}: {exc.strerror}") from exc
    except UnusableKey as exc:
        raise KeyFileError(f"COURSESTREAM_JWT_PUBLIC_KEY_FILE: {path}: {exc}") from exc
