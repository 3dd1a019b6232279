"""Bearer tokens: who gets in, and that nothing sent as a token is ever an error of ours."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from handlers.access.auth import TokenVerifier, Viewer
from handlers.access.token_keys.signing_keys import (
    OnlyKey,
    SigningKey,
    parse_public_key,
    shared_secret,
)
from handlers.errors import InvalidToken
from tests.programs.issuer import OTHER_P256_KEY, P256_KEY, RSA_KEY, pem_of, sign

SECRET = "a secret of at least thirty-two bytes, and of sixty-four for SHA-512"
DAY_S = 86400  # tokens of the tables are made long before the last of them is tried
LINE_FEED = "a\nb"
OTHER = "another secret of at least thirty-two bytes, for the same reasons, too"


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode(
        {"sub": "ada", "exp": int(time.time()) + DAY_S, **claims}, secret, algorithm=algorithm
    )


def without(claim: str) -> str:
    claims = {"sub": "ada", "exp": int(time.time()) + DAY_S}
    del claims[claim]
    return jwt.encode(claims, SECRET, algorithm="HS256")


def raw(header: Any, payload: Any) -> str:
    """A token signed with nothing, its two parts as they are given."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (header, payload)
    ]
    return ".".join([*parts, ""])


def swapped_payload() -> str:
    head, _, signature = token().split(".")
    payload = raw({}, {"sub": "eve", "exp": int(time.time()) + DAY_S}).split(".")[1]
    return f"{head}.{payload}.{signature}"


async def viewer_of(authorization: str | None, **checks: Any) -> Viewer:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = make_mocked_request("GET", "/api/v1/courses", headers=headers)
    return await TokenVerifier(OnlyKey(shared_secret(SECRET)), **checks).viewer_of(request)


async def test_valid_token_tells_who_asks() -> None:
    viewer = await viewer_of(f"Bearer {token(roles=['admin'])}")

    assert viewer.user_id == "ada"
    assert viewer.roles == {"admin"}
    assert viewer.is_privileged


async def test_ordinary_user_has_no_roles() -> None:
    assert not (await viewer_of(f"Bearer {token()}")).is_privileged


async def test_unknown_role_gives_nothing() -> None:
    assert not (await viewer_of(f"Bearer {token(roles=['root'])}")).is_privileged


async def test_name_is_text_that_can_be_shown() -> None:
    """JSON may hold half of a pair (RFC 8259 section 8.2)."""
    halved = token(name="A\ud800da")

    assert (await viewer_of(f"Bearer {halved}")).name == "A?da"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_scheme_is_case_insensitive(scheme: str) -> None:
    assert (await viewer_of(f"{scheme} {token()}")).user_id == "ada"


@pytest.mark.parametrize(
    ("claim", "from_now_s"),
    [
        pytest.param("exp", -5, id="expired five seconds ago"),
        pytest.param("nbf", 20, id="valid in twenty seconds"),
        pytest.param("iat", 20, id="issued in twenty seconds"),
    ],
)
async def test_clocks_may_differ_by_the_leeway(claim: str, from_now_s: int) -> None:
    claims = {claim: int(time.time()) + from_now_s}

    assert (await viewer_of(f"Bearer {token(**claims)}")).user_id == "ada"


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="no header"),
        pytest.param("", id="empty header"),
        pytest.param("Bearer", id="no token"),
        pytest.param(f"BearerXYZ {token()}", id="scheme is not a prefix"),
        pytest.param(f"Basic {token()}", id="another scheme"),
        pytest.param(f"Bearer {token()} {token()}", id="two tokens"),
        pytest.param("Bearer äöü", id="not ASCII"),
        pytest.param("Bearer " + "a" * 9000, id="oversize"),
        pytest.param("Bearer a.b.c", id="no JSON"),
        pytest.param(f"Bearer {token(OTHER)}", id="signed with another secret"),
        pytest.param(f"Bearer {swapped_payload()}", id="swapped payload"),
        pytest.param(f"Bearer {token(algorithm='HS512')}", id="another algorithm"),
        pytest.param(f"Bearer {raw({'alg': 'none'}, {'sub': 'eve', 'exp': 9e9})}", id="alg none"),
        pytest.param(
            f"Bearer {raw({'alg': 'HS256', 'crit': [LINE_FEED]}, {'sub': 'eve'})}",
            id="line feed in crit",
        ),
        pytest.param(f"Bearer {without('exp')}", id="exp is required"),
        pytest.param(f"Bearer {without('sub')}", id="sub is required"),
        pytest.param(f"Bearer {token(exp=int(time.time()) - 60)}", id="expired"),
        pytest.param(f"Bearer {token(nbf=int(time.time()) + DAY_S)}", id="not yet valid"),
        pytest.param(f"Bearer {token(exp=float('inf'))}", id="infinite exp"),
        pytest.param(f"Bearer {token(exp='soon')}", id="exp is no number"),
        pytest.param(f"Bearer {token(sub=7)}", id="sub is no text"),
        pytest.param(f"Bearer {token(sub='../etc')}", id="sub is no identifier"),
        pytest.param(f"Bearer {token(roles='admin')}", id="roles is no list"),
        pytest.param(f"Bearer {token(roles=[1])}", id="roles is no list of text"),
        pytest.param(f"Bearer {token(aud='elsewhere')}", id="aud although none is configured"),
        pytest.param(f"Bearer {token(aud=[])}", id="aud of nobody"),
        pytest.param(f"Bearer {token(aud=None)}", id="aud without a value"),
    ],
)
async def test_anything_else_is_refused(authorization: str | None) -> None:
    with pytest.raises(InvalidToken):
        await viewer_of(authorization)


@pytest.mark.parametrize("others", [["Bearer a.b.c"], [f"Bearer {token()}"], ["Basic eDp5"], [""]])
@pytest.mark.parametrize("is_first", [True, False])
async def test_two_fields_are_refused_whatever_one_of_them_is(
    others: list[str], *, is_first: bool
) -> None:
    """A proxy may have gone by the other one (RFC 6750 section 3.1)."""
    lines = [f"Bearer {token()}", *others] if is_first else [*others, f"Bearer {token()}"]
    headers = CIMultiDict(("Authorization", line) for line in lines)
    request = make_mocked_request("GET", "/api/v1/courses", headers=headers)

    with pytest.raises(InvalidToken):
        await TokenVerifier(OnlyKey(shared_secret(SECRET))).viewer_of(request)


async def test_faults_of_claims_are_said_in_words() -> None:
    with pytest.raises(InvalidToken) as caught:
        await viewer_of(f"Bearer {token(sub='../etc')}")

    assert "letters, digits" in str(caught.value)
    assert "regex" not in str(caught.value)


async def test_audience_and_issuer_are_checked_when_configured() -> None:
    checks = {"audience": "courses", "issuer": "school"}

    assert (await viewer_of(f"Bearer {token(aud='courses', iss='school')}", **checks)).user_id
    for claims in ({}, {"aud": "courses"}, {"iss": "school"}, {"aud": "x", "iss": "school"}):
        with pytest.raises(InvalidToken):
            await viewer_of(f"Bearer {token(**claims)}", **checks)


async def test_leeway_skips_no_other_check() -> None:
    stale = token(exp=int(time.time()) - 5, iss="elsewhere")

    with pytest.raises(InvalidToken):
        await viewer_of(f"Bearer {stale}", issuer="school")


async def test_remembered_token_still_expires() -> None:
    now_s = time.time()
    verifier = TokenVerifier(OnlyKey(shared_secret(SECRET)), clock=lambda: now_s)
    request = make_mocked_request(
        "GET", "/api/v1/courses", headers={"Authorization": f"Bearer {token()}"}
    )
    viewer = await verifier.viewer_of(request)

    now_s = viewer.expires_at

    with pytest.raises(InvalidToken):
        await verifier.viewer_of(request)


class Ring:
    """Keys that a test adds and withdraws, by their `kid`."""

    algorithms = frozenset({"HS256", "ES256"})

    def __init__(self, **keys: SigningKey) -> None:
        self.keys = keys

    def holds(self, key: SigningKey) -> bool:
        return key in self.keys.values()

    async def find(self, kid: str | None) -> SigningKey | None:
        return self.keys.get(kid or "")


def of_key(text: Any, kid: str, **claims: Any) -> Any:
    bearer = f"Bearer {sign(text, kid, **claims)}"
    return make_mocked_request("GET", "/api/v1/courses", headers={"Authorization": bearer})


async def test_each_key_verifies_its_own_tokens_alone() -> None:
    ring = Ring(a=parse_public_key(pem_of(P256_KEY)), b=parse_public_key(pem_of(OTHER_P256_KEY)))
    verifier = TokenVerifier(ring)

    assert (await verifier.viewer_of(of_key(P256_KEY, "a"))).user_id == "ada"
    assert (await verifier.viewer_of(of_key(OTHER_P256_KEY, "b", sub="bob"))).user_id == "bob"
    for key, kid in ((P256_KEY, "b"), (OTHER_P256_KEY, "a"), (P256_KEY, "c")):
        with pytest.raises(InvalidToken):
            await verifier.viewer_of(of_key(key, kid))


async def test_token_of_a_withdrawn_key_is_not_remembered() -> None:
    ring = Ring(a=parse_public_key(pem_of(P256_KEY)))
    verifier, request = TokenVerifier(ring), of_key(P256_KEY, "a")
    await verifier.viewer_of(request)

    ring.keys = {"a": parse_public_key(pem_of(OTHER_P256_KEY))}

    with pytest.raises(InvalidToken):
        await verifier.viewer_of(request)
    assert (await verifier.viewer_of(of_key(OTHER_P256_KEY, "a"))).user_id == "ada"


async def test_leeway_holds_for_public_keys() -> None:
    verifier = TokenVerifier(OnlyKey(parse_public_key(pem_of(P256_KEY))))

    assert await verifier.viewer_of(of_key(P256_KEY, "a", exp=int(time.time()) - 5))


async def test_key_set_is_not_searched_for_other_algorithms() -> None:
    class Unasked(Ring):
        async def find(self, kid: str | None) -> SigningKey | None:
            raise AssertionError(kid)

    with pytest.raises(InvalidToken):
        await TokenVerifier(Unasked()).viewer_of(of_key(RSA_KEY, "a"))
