"""JSON Web Signatures by HMAC-SHA256 in compact form (RFC 7515 section 3.1): making them.

A grant is made at every press of the play button, and PyJWT examines the secret anew for each,
which takes longer than to sign. Verifying is PyJWT's.
"""

import hmac
from binascii import b2a_base64

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def sign(payload: bytes, key: bytes) -> str:
    """Returns the token of a payload; the key must have 256 bits or more (RFC 7518 section 3.2)."""
    signed = HEADER + _base64url(payload)
    return (signed + b"." + _base64url(hmac.digest(key, signed, "sha256"))).decode()


def _base64url(content: bytes) -> bytes:
    return b2a_base64(content, newline=False).translate(_URL_SAFE, b"=")


HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}') + b"."
