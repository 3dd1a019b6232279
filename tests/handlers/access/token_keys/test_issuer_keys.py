"""Following an issuer: rotation, unknown keys, and an issuer that is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import TestServer

from handlers.access.token_keys.issuer_keys import MAX_ANSWER_BYTES, IssuerKeys
from handlers.access.token_keys.signing_keys import MAX_KID_LENGTH, parse_public_key
from handlers.errors import Unavailable
from tests.harness.waiting import wait_until
from tests.programs.issuer import ED25519_KEY, P256_KEY, RSA_KEY, Issuer, jwk_of, pem_of

PAUSE_S = 5.0
Follow = Callable[..., AsyncIterator[IssuerKeys]]

OLD, NEW = jwk_of(P256_KEY, kid="old"), jwk_of(RSA_KEY, kid="new")
OLD_KEY, NEW_KEY = parse_public_key(pem_of(P256_KEY)), parse_public_key(pem_of(RSA_KEY))


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer() -> Issuer:
    issuer = Issuer()
    issuer.keys = [OLD]
    return issuer


@pytest.fixture
async def follow(issuer: Issuer, clock: Clock) -> AsyncIterator[Callable[..., object]]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(issuer.app()))
        stack.callback(issuer.release.set)

        async def start(**options: float) -> IssuerKeys:
            options = {"refresh_interval_s": 3600.0, "unknown_kid_pause_s": PAUSE_S, **options}
            keys = IssuerKeys(str(server.make_url("/jwks")), clock=clock, **options)
            return await stack.enter_async_context(keys)

        yield start


async def test_key_is_found_by_its_kid(follow: Callable, issuer: Issuer) -> None:
    issuer.keys = [OLD, NEW]
    keys = await follow()

    assert await keys.find("old") == OLD_KEY
    assert await keys.find("new") == NEW_KEY
    assert await keys.find(None) is None
    assert keys.holds(OLD_KEY)
    assert issuer.asked == 2  # once for the token without a kid


async def test_only_key_needs_no_kid(follow: Callable) -> None:
    keys = await follow()

    assert await keys.find(None) == OLD_KEY
    assert await keys.find("other") is None


async def test_new_key_is_learnt_with_the_first_token_and_the_old_one_goes(
    follow: Callable, issuer: Issuer
) -> None:
    keys = await follow()
    assert await keys.find("old") == OLD_KEY
    issuer.keys = [NEW]

    assert await keys.find("new") == NEW_KEY
    assert not keys.holds(OLD_KEY)


async def test_schedule_learns_without_any_token(follow: Callable, issuer: Issuer) -> None:
    keys = await follow(refresh_interval_s=0.01)
    await wait_until(lambda: keys.holds(OLD_KEY))
    issuer.keys = [NEW]

    await wait_until(lambda: keys.holds(NEW_KEY))

    assert not keys.holds(OLD_KEY)


async def test_unknown_kids_ask_at_most_once_in_a_while(
    follow: Callable, issuer: Issuer, clock: Clock
) -> None:
    keys = await follow()
    await keys.find("old")
    asked = issuer.asked

    for number in range(50):
        assert await keys.find(f"invented-{number}") is None
    assert issuer.asked == asked + 1

    clock.now_s += PAUSE_S
    issuer.keys = [OLD, NEW]
    assert await keys.find("new") == NEW_KEY
    assert issuer.asked == asked + 2


async def test_unknown_kids_at_once_share_one_question(follow: Callable, issuer: Issuer) -> None:
    keys = await follow()
    await keys.find("old")
    asked = issuer.asked
    issuer.hang()
    issuer.keys = [NEW]

    finding = [asyncio.create_task(keys.find("new")) for _ in range(20)]
    await wait_until(lambda: issuer.asked > asked)
    finding[0].cancel()  # a client that goes away takes the answer from nobody
    issuer.release.set()

    assert await asyncio.gather(*finding[1:]) == [NEW_KEY] * 19
    assert issuer.asked == asked + 1


async def test_endless_kid_is_not_asked_for(follow: Callable, issuer: Issuer) -> None:
    keys = await follow()
    await keys.find("old")
    asked = issuer.asked

    assert await keys.find("k" * (MAX_KID_LENGTH + 1)) is None
    assert issuer.asked == asked


async def test_issuer_that_hangs_holds_up_no_known_key(follow: Callable, issuer: Issuer) -> None:
    keys = await follow(fetch_timeout_s=0.2)
    await keys.find("old")
    issuer.hang()
    unknown = asyncio.create_task(keys.find("unknown"))
    await wait_until(lambda: issuer.asked == 2)

    finding = keys.find("old").__await__()
    with pytest.raises(StopIteration) as found:
        next(finding)

    assert found.value.value == OLD_KEY  # without one turn of the loop
    assert await unknown is None


MISBEHAVIOURS = {
    "error": (b"", 500),
    "not found": (b'{"keys": []}', 404),
    "page": (b"<html>", 200),
    "no set": (b'{"keys": 1}', 200),
    "empty": (b"", 200),
    "too large": (b'{"keys": []}' + b" " * MAX_ANSWER_BYTES, 200),
}


@pytest.mark.parametrize(("body", "status"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_issuer_that_misbehaves_changes_nothing(
    follow: Callable,
    issuer: Issuer,
    caplog: pytest.LogCaptureFixture,
    body: bytes,
    status: int,
    clock: Clock,
) -> None:
    keys = await follow()
    await keys.find("old")
    issuer.say(body, status)

    for _ in range(3):
        assert await keys.find("unknown") is None
        clock.now_s += PAUSE_S

    assert await keys.find("old") == OLD_KEY
    assert issuer.asked == 4
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1  # not one a question
    assert told[0].exc_info is None


async def test_redirect_is_not_followed(follow: Callable, issuer: Issuer) -> None:
    keys = await follow()
    await keys.find("old")
    asked = issuer.asked
    issuer.say(b"", 302, Location="/jwks")

    assert await keys.find("new") is None
    assert issuer.asked == asked + 1


async def test_issuer_that_has_never_answered_is_no_verdict(
    follow: Callable, issuer: Issuer, clock: Clock
) -> None:
    issuer.say(b"", 500)
    keys = await follow()

    with pytest.raises(Unavailable):
        await keys.find("old")

    issuer.behave()
    clock.now_s += PAUSE_S
    assert await keys.find("old") == OLD_KEY


async def test_set_without_usable_keys_is_an_answer(
    follow: Callable, issuer: Issuer, clock: Clock
) -> None:
    keys = await follow()
    await keys.find("old")
    issuer.keys = [jwk_of(ED25519_KEY, kid="old", use="enc")]

    assert await keys.find("new") is None
    clock.now_s += PAUSE_S
    assert await keys.find("old") is None


async def test_nobody_there_is_no_verdict(unused_tcp_port: int) -> None:
    async with IssuerKeys(f"http://127.0.0.1:{unused_tcp_port}/jwks") as keys:
        with pytest.raises(Unavailable):
            await keys.find("old")


async def test_stopping_does_not_wait_for_the_issuer(follow: Callable, issuer: Issuer) -> None:
    issuer.hang()
    keys = await follow()
    await wait_until(lambda: issuer.asked == 1)

    async with asyncio.timeout(1.5):
        await keys.__aexit__(None, None, None)
