"""Secrets and signatures of webhooks (Standard Webhooks 1.0.0, symmetric, `v1`). Pure but for new
secrets."""

import base64
import binascii
import hashlib
import hmac
import os

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64  # by the specification
NEW_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(os.urandom(NEW_BYTES)).decode()


def is_secret(text: str) -> bool:
    """True for base64 of 24 to 64 bytes, with or without `whsec_`."""
    try:
        return FEWEST_BYTES <= len(_key(text)) <= MOST_BYTES
    except (binascii.Error, ValueError):
        return False


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Returns the value of `webhook-signature`; the secret has been checked by `is_secret`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
