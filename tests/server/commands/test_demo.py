"""The addresses that the demonstration prints."""

from functools import partial

import jwt

from server.commands import demo
from server.commands.tokens import mint_token

SECRET = "a secret of at least thirty-two bytes"


def test_each_kind_of_user_has_an_address_that_signs_in() -> None:
    found = demo.addresses("http://a:1", partial(mint_token, SECRET))

    roles = {}
    for one in found:
        page, token = one.url.split("#token=")
        assert page == "http://a:1/"
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        roles[claims["sub"]] = claims.get("roles")
    assert roles == {"student": None, "instructor": None, "admin": ["admin"]}
    assert [one.who for one in found] == list(roles)
