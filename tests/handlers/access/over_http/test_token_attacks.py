"""Forged, twisted and stale tokens, over HTTP and by every kind of key: never in, never our error.

Each attack is tried on the `Authorization` header with a shared secret, with a public key of each
kind and with an issuer's key set, and in the path of a grant with the grants' secret.
"""

import base64
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
import structlog
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from handlers.access.auth import MAX_TOKEN_LENGTH
from server.logs import configure_logging
from tests.harness.wire import connected
from tests.programs.issuer import (
    ED25519_KEY,
    OTHER_P256_KEY,
    P256_KEY,
    RSA_KEY,
    Issuer,
    algorithm_of,
    claims,
    jwk_of,
    pem_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a secret of at least thirty-two bytes"
OTHER_SECRET = "another secret of at least thirty-two bytes"
GRANT_SECRET = "the grants' own secret of at least thirty-two bytes"
VIDEO = "7f1f0a52-6c0f-4a57-9d0e-6a1f9c7f0001"
PRIVATE_KEYS = {"RSA": RSA_KEY, "P-256": P256_KEY, "Ed25519": ED25519_KEY}
HOUR_S = 3600


@dataclass(frozen=True)
class Target:
    """A service, the key whose tokens it accepts, and where a token is shown to it."""

    service: Any
    key: Any
    kid: str | None = None
    is_grant: bool = False

    @property
    def algorithm(self) -> str:
        return "HS256" if isinstance(self.key, str) else algorithm_of(self.key)[0]

    @property
    def header(self) -> dict[str, Any]:
        kid = {} if self.kid is None else {"kid": self.kid}
        return {"typ": "JWT", "alg": self.algorithm, **kid}

    @property
    def claims(self) -> dict[str, Any]:
        return claims(aud="coursestream:playback") if self.is_grant else claims()

    @property
    def public_texts(self) -> list[bytes]:
        """Public knowledge of the key, in the forms that libraries have accepted as secrets."""
        if isinstance(self.key, str):
            return [b"", b"secret"]
        pem = pem_of(self.key)
        der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
        return [pem, pem.strip(), der, json.dumps(jwk_of(self.key, kid=self.kid)).encode()]

    def signed(self, header: Any = None, payload: Any = None) -> str:
        """By the key that is trusted; a dict changes the good header and claims."""
        header = self.header if header is None else {**self.header, **header}
        if isinstance(payload, dict):
            payload = {**self.claims, **payload}
        return joined(header, self.claims if payload is None else payload, self._sign)

    def _sign(self, text: bytes) -> bytes:
        return signature(text, self.algorithm, self.key)

    async def show(self, token: str) -> Any:
        if self.is_grant:
            return await self.ask(f"GET /play/{token}/{VIDEO}/source HTTP/1.1")
        return await self.show_header(f"Bearer {token}")

    async def show_header(self, value: str) -> Any:
        return await self.ask("GET /api/v1/courses HTTP/1.1", f"Authorization: {value}")

    async def ask(self, *lines: str) -> Any:
        """On a connection of its own: some attacks end it."""
        async with connected(self.service.url) as wire:
            return await wire.ask(*lines, "Host: a")


def signature(text: bytes, algorithm: str, key: Any) -> bytes:
    signer = jwt.get_algorithm_by_name(algorithm)
    return signer.sign(text, signer.prepare_key(key))


def hmac(secret: bytes, algorithm: str = "HS256") -> Callable[[bytes], bytes]:
    """Signs with what PyJWT would refuse as a secret, too."""
    signer = jwt.get_algorithm_by_name(algorithm)
    return lambda text: signer.sign(text, secret)


def zeros(size: int) -> Callable[[bytes], bytes]:
    return lambda _: bytes(size)


def by_attacker(text: bytes) -> bytes:
    return signature(text, "ES256", OTHER_P256_KEY)


def unsigned(text: bytes) -> bytes:
    return b""


def part(value: Any) -> str:
    """Encodes a part of a token: bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def joined(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(sign(text.encode()))}"


def forged(header: Any, sign: Callable[[bytes], bytes] = unsigned) -> Any:
    """A token of an attacker: a dict changes the good header."""
    return lambda target: joined({**target.header, **header}, target.claims, sign)


def with_header(**header: Any) -> Any:
    """By the trusted key: it may not say this."""
    return lambda target: target.signed(header=header)


def with_claims(**payload: Any) -> Any:
    return lambda target: target.signed(payload=payload)


def with_payload(payload: Any) -> Any:
    """The whole of it: no object, or no JSON."""
    return lambda target: joined(target.header, payload, target._sign)


def without_claim(name: str) -> Any:
    def make(target: Target) -> str:
        kept = {key: value for key, value in target.claims.items() if key != name}
        return joined(target.header, kept, target._sign)

    return make


def without_alg(target: Target) -> str:
    header = {key: value for key, value in target.header.items() if key != "alg"}
    return joined(header, target.claims, target._sign)


def public_key_as_secret(number: int, algorithm: str) -> Any:
    def make(target: Target) -> str:
        known = target.public_texts[number % len(target.public_texts)]
        header = {**target.header, "alg": algorithm}
        return joined(header, target.claims, hmac(known, algorithm))

    return make


def swapped_payload(target: Target) -> str:
    head, _, signed = target.signed().split(".")
    return f"{head}.{part({**target.claims, 'sub': 'root', 'roles': ['admin']})}.{signed}"


def swapped_header(target: Target) -> str:
    _, payload, signed = target.signed().split(".")
    return f"{part({**target.header, 'typ': 'JWS'})}.{payload}.{signed}"


def cut(target: Target) -> str:
    return target.signed()[:-8]


def other_algorithm(algorithm: str) -> Any:
    """By the true secret or key where that can be, else by nobody."""

    def make(target: Target) -> str:
        header = {**target.header, "alg": algorithm}
        try:
            return joined(header, target.claims, lambda t: signature(t, algorithm, target.key))
        except Exception:
            return joined(header, target.claims, lambda _: bytes(64))

    return make


KIDS = {
    "path to nothing": "../../../../../../dev/null",
    "path": "/etc/passwd",
    "file address": "file:///proc/self/environ",
    "SQL": "' OR '1'='1' --",
    "SQL union": "x' UNION SELECT 'secret' --",
    "shell": "$(touch /tmp/kid);`id`|id",
    "address": "http://127.0.0.1:1/jwks",
    "NUL": "a\0b",
    "line feed": "a\r\nX-Injected: 1",
    "format": "%s%n{0}{kid}",
    "very long": "k" * 5000,
    "empty": "",
    "not ASCII": "schlüssel-\U0001f511",
    "lone surrogate": "\ud800",
}
NO_KIDS = {"number": 7, "null": None, "list": ["a"], "object": {"a": 1}, "true": True}

ATTACKS: dict[str, Any] = {
    **{f"alg {alg!r}": forged({"alg": alg}) for alg in ("none", "None", "NONE", "nOnE", "")},
    **{
        f"alg {alg!r} with a signature": with_header(alg=alg)
        for alg in ("none", None, 256, ["RS256", "HS256"], {"HS256": 1}, "hs256", "HS256\n")
    },
    "no alg": without_alg,
    **{
        f"public key as {alg} secret, form {number}": public_key_as_secret(number, alg)
        for alg in ("HS256", "HS384", "HS512")
        for number in range(4)
        if alg == "HS256" or number == 0
    },
    **{f"alg {alg}": other_algorithm(alg) for alg in ("HS512", "RS512", "PS256", "ES384")},
    "another key of the same kind": forged({"alg": "ES256"}, by_attacker),
    "another secret": forged({"alg": "HS256"}, hmac(OTHER_SECRET.encode())),
    "no secret": forged({"alg": "HS256"}, hmac(b"")),
    **{f"signature of {size} zeros": forged({}, zeros(size)) for size in (0, 1, 64, 256)},
    **{
        f"kid {name}": forged({"kid": kid, "alg": "ES256"}, by_attacker)
        for name, kid in KIDS.items()
    },
    **{
        f"kid {name}, no secret": forged({"kid": kid, "alg": "HS256"}, hmac(b""))
        for name, kid in KIDS.items()
    },
    **{f"kid {name}": with_header(kid=kid) for name, kid in NO_KIDS.items()},
    "jwk of the attacker": forged({"alg": "ES256", "jwk": jwk_of(OTHER_P256_KEY)}, by_attacker),
    "x5c of the attacker": forged({"alg": "ES256", "x5c": ["MIIB"]}, by_attacker),
    **{
        f"crit {crit!r}": with_header(crit=crit)
        for crit in (["exp"], ["a\nb"], ["\ud800"], [], [1], "b64", None, ["b64"])
    },
    "payload not encoded": with_header(b64=False, crit=["b64"]),
    "payload not encoded, unsaid": with_header(b64=False),
    "no header": lambda target: joined(b"", target.claims, target._sign),
    "header is a list": lambda target: joined([target.header], target.claims, target._sign),
    "header is no JSON": lambda target: joined(b"{alg:HS256}", target.claims, target._sign),
    "header is not UTF-8": lambda target: joined(b'{"alg":"\xff"}', target.claims, target._sign),
    "header is deep": lambda target: joined(b"[" * 3000, target.claims, target._sign),
    "swapped payload": swapped_payload,
    "swapped header": swapped_header,
    "cut signature": cut,
    "no signature": lambda target: target.signed().rsplit(".", 1)[0],
    "two parts": lambda target: "a.b",
    "dots": lambda target: "..",
    "five parts": lambda target: target.signed() + ".AAAA.AAAA",
    "no base64": lambda target: "!!!.~~~.***",
    "payload is deep": with_payload(b"[" * 3000),
    "payload is deep JSON": with_payload(b'{"exp":' + b"[" * 2500 + b"]" * 2500 + b"}"),
    **{
        f"payload {payload!r}": with_payload(payload)
        for payload in ([], "ada", 7, None, b"", b"{", b"\xff\xfe")
    },
    **{f"no {name}": without_claim(name) for name in ("sub", "exp")},
    **{
        f"exp {exp!r}": with_claims(exp=exp)
        for exp in (
            *("soon", "", None, [], {}, True, -1, 0),
            *(float("inf"), float("-inf"), float("nan"), 10**400),
        )
    },
    "expired": lambda target: target.signed(payload={"exp": int(time.time()) - HOUR_S}),
    "not yet": lambda target: target.signed(payload={"nbf": int(time.time()) + HOUR_S}),
    **{f"nbf {nbf!r}": with_claims(nbf=nbf) for nbf in ("now", [], float("inf"))},
    "issued tomorrow": lambda target: target.signed(payload={"iat": int(time.time()) + HOUR_S}),
    **{
        f"sub {sub!r:.20}": with_claims(sub=sub)
        for sub in (7, None, [], "", "a/../b", "ä", "a" * 65, "a\nb", "' OR 1=1")
    },
    **{
        f"roles {roles!r}": with_claims(roles=roles)
        for roles in ("admin", [1], None, {"admin": 1}, [["admin"]], [None])
    },
    **{f"aud {aud!r}": with_claims(aud=aud) for aud in ("elsewhere", ["elsewhere"], 7, [7])},
}

HEADERS = {
    "none": "",
    "scheme alone": "Bearer",
    "scheme and space": "Bearer ",
    "not ASCII": "Bearer a\xff",
    "UTF-8": "Bearer a.b.ä".encode().decode("latin-1"),
    "tab": "Bearer\ta.b.c",
    "two tokens": "Bearer a.b.c a.b.c",
    "comma": "Bearer a.b.c, Bearer a.b.c",
    "quoted": 'Bearer "a.b.c"',
    "another scheme": "Basic YWRtaW46YWRtaW4=",
    "prefix of another": "BearerToken a.b.c",
    "long": "Bearer " + "a" * 8000,
    "many dots": "Bearer " + "." * 5000,
}

TARGETS = ("secret", *PRIVATE_KEYS, "issuer", "grant")


@pytest.fixture(scope="module")
def attacker() -> Issuer:
    """Publishes a key of its own, and counts who asks for it."""
    issuer = Issuer()
    issuer.keys = [jwk_of(OTHER_P256_KEY, kid="attacker")]
    return issuer


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=TARGETS)
async def target(
    request: pytest.FixtureRequest, start_shared_service: Any, tmp_path_factory: Any
) -> AsyncIterator[Target]:
    async with AsyncExitStack() as stack:
        settings, key, kid = await _settings(request.param, stack, tmp_path_factory.mktemp("key"))
        service = await start_shared_service(GRANT_SECRET=GRANT_SECRET, **settings)
        yield Target(service, key, kid, is_grant=request.param == "grant")


async def _settings(
    kind: str, stack: AsyncExitStack, directory: Path
) -> tuple[dict[str, str], Any, str | None]:
    """The settings, the key that is trusted with them, and its `kid`."""
    if kind == "secret":
        return {}, SECRET, None
    if kind == "grant":
        return {}, GRANT_SECRET, None
    if kind == "issuer":
        issuer = Issuer()
        issuer.keys = [jwk_of(RSA_KEY, kid="one"), jwk_of(P256_KEY, kid="two")]
        server = await stack.enter_async_context(TestServer(issuer.app()))
        return {"JWT_JWKS_URL": str(server.make_url("/jwks"))}, P256_KEY, "two"
    file = directory / "key.pem"
    file.write_bytes(pem_of(PRIVATE_KEYS[kind]))
    return {"JWT_PUBLIC_KEY_FILE": str(file)}, PRIVATE_KEYS[kind], None


@pytest.fixture
def quiet_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """One line of the access log a request, and nothing that only an error of ours would say."""
    caplog.set_level(logging.INFO)
    with capture_logs() as lines:
        yield
    assert [line["event"] for line in lines] == ["request"] * len(lines)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.usefixtures("quiet_log")
async def test_attack_never_gets_in(target: Target, attack: Callable[[Target], str]) -> None:
    answer = await target.show(attack(target))

    assert answer.status == 401
    assert json.loads(answer.body)["type"] == "urn:coursestream:invalid-token"
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("value", HEADERS.values(), ids=HEADERS)
@pytest.mark.usefixtures("quiet_log")
async def test_header_that_is_none_never_gets_in(target: Target, value: str) -> None:
    answer = await target.show_header(value)

    assert answer.status == 401


@pytest.mark.usefixtures("quiet_log")
async def test_token_of_the_trusted_key_gets_in(target: Target) -> None:
    """Else the rest would prove nothing: the same maker makes good tokens."""
    expected = 401 if target.is_grant else 200  # its claims are no grant's

    answer = await target.show(target.signed())

    assert answer.status == expected


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Captures the log that a real server would write."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    configure_logging("info", "console", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_oversize_token_never_gets_in(target: Target, log: io.StringIO) -> None:
    """In a header it is none any more: the parser answers."""
    answer = await target.show(target.signed(payload={"name": "x" * MAX_TOKEN_LENGTH}))

    said = json.loads(answer.body)["type"].rpartition(":")[2]
    assert (answer.status, said) in {(400, "invalid-request"), (401, "invalid-token")}
    assert "Traceback" not in log.getvalue()
    assert "Error" not in log.getvalue()


@pytest.mark.parametrize("name", ["jku", "x5u"])
@pytest.mark.usefixtures("quiet_log")
async def test_address_in_a_token_is_not_asked(target: Target, attacker: Issuer, name: str) -> None:
    async with TestServer(attacker.app()) as server:
        header = {name: str(server.make_url("/jwks")), "alg": "ES256", "kid": "attacker"}
        forged_answer = await target.show(forged(header, by_attacker)(target))
        own = await target.show(target.signed(header={name: header[name]}))

    assert forged_answer.status == 401
    assert own.status == (401 if target.is_grant else 200)
    assert attacker.asked == 0


@pytest.mark.usefixtures("quiet_log")
async def test_grant_is_no_token_and_token_no_grant(target: Target) -> None:
    if target.is_grant:
        pytest.skip("both doors are tried with each kind of token key")
    grant = jwt.encode(claims(aud="coursestream:playback"), GRANT_SECRET, "HS256")

    assert (await target.show(grant)).status == 401
    for path in (f"{VIDEO}/source", "events"):
        line = f"GET /play/{target.signed()}/{path} HTTP/1.1"
        assert (await target.ask(line)).status == 401
