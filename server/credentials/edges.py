"""Edges as configured: the addresses of media, with the key that signs them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from handlers.access.edge_addresses import MediaAddresses
from handlers.access.signatures.cdn_signatures import (
    BunnyToken,
    CloudFrontCookies,
    HmacLink,
    SecureLink,
    Signing,
)
from server.config.settings import Config
from server.config.values import MIN_SECRET_BYTES
from server.errors import OperatorError

KEY = "COURSESTREAM_CDN_KEY_FILE"
MAX_KEY_FILE_BYTES = 64 * 1024
BY_TEXT: Mapping[str, Callable[[str], Signing]] = {
    "secure-link": SecureLink,
    "hmac": HmacLink,
    "bunny": BunnyToken,
}
# As CloudFront makes them; `pk-` is how AWS names the files of older ones.
_KEY_ID = re.compile(r"(?:pk-)?([A-Z0-9]{10,32})\.pem")


class EdgeKeyError(OperatorError):
    """The key of signed addresses cannot be used."""


def media_addresses(config: Config) -> MediaAddresses:
    """Blocks briefly. Raises: EdgeKeyError."""
    if config.cdn_url is None:
        return MediaAddresses()
    if config.cdn_key_file is None:
        return MediaAddresses(config.cdn_url)
    return MediaAddresses(config.cdn_url, _signing(config, config.cdn_url, config.cdn_key_file))


def _signing(config: Config, url: str, path: Path) -> Signing:
    if config.cdn_signing == "cloudfront":
        return CloudFrontCookies(url, _key_id(path), _private_key(path))
    return BY_TEXT[config.cdn_signing](_text(path))


def _text(path: Path) -> str:
    """Returns the key without the line break that editors leave behind it."""
    text = _read(path).decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
    if len(text) < MIN_SECRET_BYTES or not re.fullmatch(r"[!-~][ -~]*[!-~]", text):
        raise EdgeKeyError(
            f"{KEY}: {path} must hold one line of ASCII, {MIN_SECRET_BYTES} bytes or more without"
            " blanks around"
        )
    return text


def _key_id(path: Path) -> str:
    match = _KEY_ID.fullmatch(path.name)
    if match is None:
        raise EdgeKeyError(
            f"{KEY}: {path} must be named after the id that CloudFront gave the public key, like"
            " K2JCJMDEHXQW5F.pem"
        )
    return match[1]


def _private_key(path: Path) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as exc:  # TypeError: it has a passphrase
        raise EdgeKeyError(
            f"{KEY}: {path} holds no private key in PEM without a passphrase"
        ) from exc
    if not isinstance(key, RSAPrivateKey):
        raise EdgeKeyError(f"{KEY}: {path} holds no RSA key, which CloudFront's cookies need")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_FILE_BYTES)
    except OSError as exc:
        raise EdgeKeyError(f"{KEY}: {path}: {exc.strerror}") from exc
