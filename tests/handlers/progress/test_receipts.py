"""Receipts, verified by another JOSE library than the one that signs."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from handlers import keys
from tests.handlers.support.watching import Course, Player, new_course, new_player

# RFC 9864 prefers the name `Ed25519`, which few libraries know yet.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
on_shared_loop = pytest.mark.asyncio(loop_scope="module")

JWKS = "/.well-known/jwks.json"
CLAIMS = {
    *("sub", "video_id", "sha256", "duration", "watched", "watched_ratio", "completed_at"),
    *("capped_seconds", "bytes_served", "issued_at"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


@pytest_asyncio.fixture(loop_scope="module")
async def player(course: Course) -> Player:
    """The player of a video of its own."""
    return await new_player(course)


async def issued(player: Player, who: str | None = None, query: str = "") -> Any:
    """Payload of a receipt, verified as its reader does: offline, by the published keys."""
    answer = await player.service.ask(
        who or player.user_id, "GET", f"videos/{player.video_id}/receipt{query}"
    )
    assert answer.said == "200", answer.body
    published = await player.service.ask(None, "GET", JWKS)
    return read(answer.json["receipt"], published.json)


def read(receipt: str, published: Any) -> Any:
    """Raises BadSignatureError."""
    signed = jws.deserialize_compact(
        receipt, KeySet.import_key_set(published), algorithms=["EdDSA", "Ed25519"]
    )
    return json.loads(signed.payload)


@on_shared_loop
async def test_a_receipt_says_what_was_seen(player: Player) -> None:
    told = await player.say(position=28, watched=[[0, 12], [14, 29]])

    claims = await issued(player)

    assert claims.keys() == CLAIMS
    assert (claims["sub"], UUID(claims["video_id"])) == (player.user_id, UUID(player.video_id))
    assert (claims["duration"], claims["watched"]) == (30, [[0, 12], [14, 29]])
    assert claims["watched_ratio"] == told["watched_ratio"] == pytest.approx(0.9)
    assert claims["completed_at"] == told["completed_at"] is not None
    assert (claims["capped_seconds"], claims["bytes_served"]) == (0, 0)
    age = datetime.now(UTC) - datetime.fromisoformat(claims["issued_at"])
    assert abs(age) < timedelta(seconds=60)


@on_shared_loop
async def test_a_receipt_names_the_content_that_is_served(player: Player) -> None:
    async with player.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "UPDATE representations SET sha256 = 'abc' WHERE video_id = %s", (player.video_id,)
        )
    player.service.app[keys.CATALOG].forget(UUID(player.video_id))

    assert (await issued(player))["sha256"] == "abc"


@on_shared_loop
async def test_before_the_first_report_nothing_was_seen(player: Player) -> None:
    claims = await issued(player)

    assert (claims["watched"], claims["watched_ratio"], claims["completed_at"]) == ([], 0, None)


@on_shared_loop
async def test_a_receipt_tells_what_was_claimed_and_not_counted(player: Player) -> None:
    session_id = player.playback["session_id"]
    told = await player.say(session_id=session_id, position=30, watched=[[0, 30]])

    claims = await issued(player)

    assert claims["watched"] == told["watched"]
    assert claims["capped_seconds"] == pytest.approx(30 - told["watched_seconds"])


@on_shared_loop
async def test_a_receipt_tells_the_bytes_that_were_sent(player: Player) -> None:
    async with player.service.app[keys.DATABASE].transaction() as transaction:
        for day, purpose, sent in [
            ("2026-11-28", "stream", 1000),
            ("2026-11-29", "stream", 500),
            ("2026-11-29", "download", 30),
            ("2026-11-29", "thumbnail", 7),
        ]:
            await transaction.execute(
                "INSERT INTO bytes_served VALUES (%s, 'c', %s, %s, %s, %s)",
                (day, player.video_id, player.user_id, purpose, sent),
            )

    assert (await issued(player))["bytes_served"] == 1530


@on_shared_loop
async def test_instructors_admins_and_services_ask_for_others(
    course: Course, player: Player
) -> None:
    await player.say(watched=[[0, 5]])

    for who in (course.instructor, "root", "svc"):
        claims = await issued(player, who, f"?user_id={player.user_id}")
        assert (claims["sub"], claims["watched"]) == (player.user_id, [[0, 5]])
        assert (await issued(player, who))["sub"] == who


@on_shared_loop
@pytest.mark.parametrize(
    ("who", "query", "said"),
    [
        pytest.param("student", "?user_id=somebody", "403 not-allowed", id="of another"),
        pytest.param("student", "?user_id=a/b", "400 invalid-request", id="no user id"),
        pytest.param("stranger", "", "403 not-enrolled", id="not enrolled"),
    ],
)
async def test_whose_receipt_is_refused(
    course: Course, player: Player, who: str, query: str, said: str
) -> None:
    user_id = course.student if who == "student" else who
    answer = await course.service.ask(user_id, "GET", f"videos/{player.video_id}/receipt{query}")

    assert answer.said == said


@on_shared_loop
async def test_a_receipt_that_was_changed_is_found_out(player: Player) -> None:
    answer = await player.service.ask(player.user_id, "GET", f"videos/{player.video_id}/receipt")
    published = (await player.service.ask(None, "GET", JWKS)).json
    head, payload, signature = answer.json["receipt"].split(".")
    header = json.loads(urlsafe_b64decode(head + "=="))
    changed = payload[:10] + ("A" if payload[10] != "A" else "B") + payload[11:]

    assert header["alg"] == "EdDSA"
    assert header["kid"] in [key["kid"] for key in published["keys"]]
    assert all("d" not in key for key in published["keys"])
    with pytest.raises(BadSignatureError):
        read(f"{head}.{changed}.{signature}", published)


@on_shared_loop
async def test_keys_are_for_everybody_and_may_be_kept(course: Course) -> None:
    answer = await course.service.ask(None, "GET", JWKS)

    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"


@on_shared_loop
async def test_receipts_outlive_a_change_of_the_secret(
    start_shared_service: Any, shared_service: Any
) -> None:
    player = await new_player(await new_course(shared_service))
    path = f"videos/{player.video_id}/receipt"
    before = (await shared_service.ask(player.user_id, "GET", path)).json["receipt"]
    other = await start_shared_service(GRANT_SECRET="another secret of thirty-two bytes or more")
    published = (await other.ask(None, "GET", JWKS)).json
    after = (await other.ask(player.user_id, "GET", path)).json["receipt"]

    assert read(before, published)["sub"] == read(after, published)["sub"] == player.user_id
    assert before.split(".")[0] != after.split(".")[0]
