"""Grants open what they were made for, until they expire, and nothing else."""

import time
from uuid import uuid4

import jwt
import pytest

from handlers.access import grants as grants_module
from handlers.access.grants import (
    PLAYBACK_AUDIENCE,
    EventsGrant,
    Grants,
    PlaybackGrant,
)
from handlers.errors import InvalidToken
from storage.concurrency.bounded_cache import CacheFigures

SECRET = "a secret of at least thirty-two bytes"
FAR_FUTURE = 9_000_000_000


def playback_grant(expires_at: float | None = None, user_id: str = "ada") -> PlaybackGrant:
    return PlaybackGrant(
        user_id=user_id,
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


@pytest.mark.parametrize("late_s", [0, 1, 3600])
def test_remembered_grant_still_expires(late_s: int) -> None:
    now_s = time.time()
    grants = Grants(SECRET, 60, clock=lambda: now_s)
    grant = playback_grant()
    token = grants.mint(grant)
    grants.playback(token)

    now_s = grant.expires_at + late_s

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


def token_of_length(grants: Grants, length: int) -> str:
    """A good grant, but for its length."""
    lengths = (grants.mint(playback_grant(user_id="a" * count)) for count in range(3000))
    return next(token for token in lengths if len(token) == length)


def test_as_long_as_a_path_may_hold_it_is_read(grants: Grants) -> None:
    assert grants.playback(token_of_length(grants, 4096))


def test_longer_ones_are_not_read(grants: Grants) -> None:
    with pytest.raises(InvalidToken):
        grants.playback(token_of_length(grants, 4097))


@pytest.mark.parametrize(
    ("ttl_s", "ordinary_s", "privileged_s"),
    [
        pytest.param(6 * 3600, 21600, 900, id="the privileged get 15 minutes"),
        pytest.param(60, 60, 60, id="or less"),
    ],
)
def test_life_is_given_in_whole_seconds(ttl_s: float, ordinary_s: int, privileged_s: int) -> None:
    grants = Grants(SECRET, ttl_s, clock=lambda: 1000.9)

    assert grants.expiry(privileged=False) == 1000 + ordinary_s
    assert grants.expiry(privileged=True) == 1000 + privileged_s


def test_each_kind_has_its_audience(grants: Grants) -> None:
    events = EventsGrant(user_id="ada", expires_at=FAR_FUTURE)

    for grant, audience in (
        (playback_grant(), "coursestream:playback"),
        (events, "coursestream:events"),
    ):
        claims = jwt.decode(grants.mint(grant), SECRET, ["HS256"], {"verify_aud": False})
        assert claims["aud"] == audience


def test_is_read_once_and_only_the_latest_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grants_module, "REMEMBERED_GRANTS", 2)
    grants = Grants(SECRET, ttl_s=6 * 3600)
    tokens = [grants.mint(playback_grant()) for _ in range(3)]
    first, second, third = [grants.playback(token) for token in tokens]

    assert grants.cache_figures() == CacheFigures(entry_count=2, hit_count=0, miss_count=3)
    assert grants.playback(tokens[2]) is third
    assert grants.playback(tokens[1]) is second
    assert grants.playback(tokens[0]) is not first


@pytest.mark.parametrize("grant", [playback_grant(), EventsGrant(user_id="a", expires_at=1.0)])
def test_nobody_changes_what_was_granted(grant: PlaybackGrant | EventsGrant) -> None:
    with pytest.raises(AttributeError):
        grant.user_id = "eve"  # type: ignore[misc]


@pytest.mark.parametrize("roles", [[], ["service"]])
def test_a_grant_is_as_privileged_as_the_token_that_it_was_made_for(
    grants: Grants, roles: list[str]
) -> None:
    token = grants.mint(EventsGrant(user_id="ada", roles=roles, expires_at=FAR_FUTURE))

    assert grants.events(token).is_privileged == bool(roles)
