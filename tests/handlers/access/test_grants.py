"""Grants open what they were made for, until they expire, and nothing else."""

import time
from uuid import uuid4

import jwt
import pytest

from handlers.access.grants import (
    PLAYBACK_AUDIENCE,
    PRIVILEGED_TTL_S,
    EventsGrant,
    Grants,
    PlaybackGrant,
)
from handlers.errors import InvalidToken

SECRET = "a secret of at least thirty-two bytes"
FAR_FUTURE = 9_000_000_000


def playback_grant(expires_at: float | None = None) -> PlaybackGrant:
    return PlaybackGrant(
        user_id="ada",
        video_id=uuid4(),
        course_id="c1",
        version=3,
        duration_s=30.5,
        media_types={"mp4": 'video/mp4; codecs="avc1.64001F, mp4a.40.2"'},
        expires_at=expires_at or float(int(time.time()) + 60),
    )


@pytest.fixture
def grants() -> Grants:
    return Grants(SECRET, ttl_s=6 * 3600)


def test_playback_grant_comes_back_as_it_was(grants: Grants) -> None:
    grant = playback_grant()

    assert grants.playback(grants.mint(grant)) == grant


def test_events_stream_opens_with_either_grant(grants: Grants) -> None:
    playback, events = playback_grant(), EventsGrant(user_id="ada", expires_at=time.time() + 60)

    assert grants.events(grants.mint(playback)) == playback
    assert grants.events(grants.mint(events)).user_id == "ada"


def test_events_grant_plays_nothing(grants: Grants) -> None:
    token = grants.mint(EventsGrant(user_id="ada", expires_at=time.time() + 60))

    with pytest.raises(InvalidToken):
        grants.playback(token)


def test_expired_grant_is_refused(grants: Grants) -> None:
    with pytest.raises(InvalidToken, match="expired"):
        grants.playback(grants.mint(playback_grant(time.time() - 1)))


def test_remembered_grant_still_expires() -> None:
    now_s = time.time()
    grants = Grants(SECRET, 60, clock=lambda: now_s)
    grant = playback_grant()
    token = grants.mint(grant)
    grants.playback(token)

    now_s = grant.expires_at

    with pytest.raises(InvalidToken, match="expired"):
        grants.playback(token)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("x" * 5000, id="oversize"),
        pytest.param("a.b.c", id="no token"),
        pytest.param("\udcff", id="not text"),
        pytest.param(
            jwt.encode({"aud": PLAYBACK_AUDIENCE, "exp": FAR_FUTURE}, SECRET, "HS256"),
            id="no claims",
        ),
        pytest.param(
            jwt.encode({"sub": "ada", "exp": FAR_FUTURE}, SECRET, "HS256"),
            id="a bearer token of the same secret",
        ),
        pytest.param(
            Grants("another secret of thirty-two bytes, too", 60).mint(playback_grant(FAR_FUTURE)),
            id="another secret",
        ),
    ],
)
def test_what_is_no_grant_of_ours_is_refused(grants: Grants, token: str) -> None:
    with pytest.raises(InvalidToken):
        grants.playback(token)
    with pytest.raises(InvalidToken):
        grants.events(token)


def test_grants_of_the_privileged_are_short() -> None:
    grants = Grants(SECRET, ttl_s=6 * 3600)

    assert grants.expiry(privileged=True) - time.time() <= PRIVILEGED_TTL_S
    assert grants.expiry(privileged=False) - time.time() > PRIVILEGED_TTL_S
