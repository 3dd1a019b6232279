"""Signatures made here, as PyJWT makes and reads them."""

import jwt
import pytest

from handlers.access.signatures import compact_jws

KEY = "a secret of thirty-two bytes or more"


@pytest.mark.parametrize("length", range(4), ids="padding {}".format)
def test_tokens_are_those_of_pyjwt(length: int) -> None:
    payload = b'{"sub":"' + b"x" * length + b'"}'

    token = compact_jws.sign(payload, KEY.encode())

    assert token == jwt.PyJWS().encode(payload, KEY, algorithm="HS256")
    assert jwt.decode(token, KEY, algorithms=["HS256"]) == {"sub": "x" * length}
