"""Permits after a change: each row fails without the check it covers."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest

from events.log.types import EnrollmentChanged, VideoDeleted
from handlers.access.auth import TokenVerifier, Viewer, _Verified, token_digest
from handlers.access.grants import PlaybackGrant
from handlers.access.rate_limits import PlayingLimits
from handlers.access.revocation import Revocations
from handlers.access.rules import Access
from handlers.access.token_keys.signing_keys import SigningKey
from handlers.delivery.catalog import Catalog
from handlers.playback import permits
from handlers.transfers.transfers import Tally, Transfers

VIDEO_ID, COURSE = UUID(int=7), "c1"
KEY = SigningKey("k", "HS256")
WHAT = {"course_id": COURSE, "user_id": "ann", "occurred_at": datetime.now(UTC)}


class Keys:
    algorithms = frozenset({"HS256"})

    def __init__(self):
        self.held = [KEY]

    def holds(self, key):
        return key in self.held


class World:
    """A user who may watch, by grant and by bearer token, and what can change about that."""

    def __init__(self, roles=frozenset()):
        self.now_s = time.time()
        self.keys = Keys()
        self.transfers = Transfers()
        self.limits = PlayingLimits(requests=2, period_s=3600, streams=2)
        self.revocations = Revocations()
        self.revocations.load({}, [])
        self.access = Access(None)
        self.access._remember((COURSE, "ann"), "student")
        self.catalog = Catalog(None)
        self.video = SimpleNamespace(id=VIDEO_ID, course_id=COURSE)
        self.catalog._remembered.put(VIDEO_ID, self.video)
        self.verifier = TokenVerifier(self.keys, clock=lambda: self.now_s)
        self.viewer = Viewer("ann", frozenset(roles), self.now_s + 60)
        self.verifier._remembered.put(token_digest("t"), _Verified(self.viewer, KEY))
        self.grant = PlaybackGrant(
            user_id="ann",
            video_id=VIDEO_ID,
            course_id=COURSE,
            version=3,
            duration_s=1.0,
            media_types={},
            expires_at=self.now_s + 60,
        )

    def claim(self, purpose="stream"):
        roles = self.viewer.roles
        return permits.Claim(
            self.transfers,
            self.limits,
            roles,
            3,
            Tally(self.transfers, "ann", COURSE, VIDEO_ID, purpose),
            self.limits.requests_of("ann", roles, time.monotonic()),
            is_paced=False,
        )

    @property
    def by_grant(self):
        return permits.GrantPermit(self.claim(), self.grant, self.revocations)

    @property
    def by_bearer(self):
        return permits.BearerPermit(
            self.claim(),
            token_digest("t"),
            self.viewer,
            self.video,
            self.verifier,
            self.access,
            self.catalog,
        )


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(time, "time", lambda: world.now_s)
    return world


def later(world):
    world.now_s += 61


def read_again(world, role):
    world.access.apply(enrollment(role, 4))
    world.access._remember((COURSE, "ann"), role)


def enrollment(role, version):
    return EnrollmentChanged(**WHAT, role=role, version=version)


def deleted():
    return VideoDeleted(**WHAT, video_id=VIDEO_ID, video={})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(later, id="it expired"),
        pytest.param(lambda w: w.revocations.apply(enrollment(None, 4)), id="withdrawn"),
        pytest.param(lambda w: w.revocations.apply(enrollment("instructor", 4)), id="another role"),
        pytest.param(
            lambda w: w.revocations.apply(deleted()),
            id="the video was deleted",
        ),
    ],
)
def test_a_grant_that_does_not_hold(world, change):
    permit = world.by_grant
    assert permit.holds()

    change(world)

    assert not permit.holds()
    assert not world.by_grant.holds()


def test_no_grant_holds_while_nobody_knows_what_was_revoked(world):
    world.revocations = Revocations()
    permit = world.by_grant
    assert not permit.holds()

    world.revocations.load({}, [])
    assert permit.holds()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(later, id="it expired"),
        pytest.param(lambda w: w.keys.held.clear(), id="its key is withdrawn"),
        pytest.param(lambda w: w.verifier._remembered.clear(), id="the token is forgotten"),
        pytest.param(lambda w: w.access.apply(enrollment(None, 4)), id="the enrolment changed"),
        pytest.param(lambda w: read_again(w, None), id="withdrawn, as was read since"),
        pytest.param(lambda w: w.catalog.forget(VIDEO_ID), id="the video changed"),
        pytest.param(
            lambda w: w.catalog._remembered.put(
                VIDEO_ID, SimpleNamespace(id=VIDEO_ID, course_id=COURSE)
            ),
            id="the video changed and was read since",
        ),
    ],
)
def test_a_bearer_who_may_not(world, change):
    used = world.by_bearer
    assert used.holds()
    unused = world.by_bearer

    change(world)

    assert not used.holds()
    assert not unused.holds()


def test_a_change_of_somebody_else_takes_nothing_from_a_bearer(world):
    bearer = world.by_bearer
    assert bearer.holds()

    other = EnrollmentChanged(**{**WHAT, "user_id": "bob"}, role=None, version=4)
    world.access.apply(other)
    world.catalog.forget(UUID(int=8))

    assert bearer.holds()
    assert bearer.holds()


async def test_an_enrolment_is_believed_for_five_seconds(world, monkeypatch):
    now_s, used = time.monotonic(), world.by_bearer
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 4.9)
    assert used.holds()

    monkeypatch.setattr(time, "monotonic", lambda: now_s + 5.1)
    assert not used.holds()
    assert not world.by_bearer.holds()

    world.access._remember((COURSE, "ann"), "student")
    assert used.holds()
    await world.access.stop()


def test_max_age_falls(world):
    before = world.by_grant.cache_control()
    world.now_s += 20

    assert (before, world.by_grant.cache_control()) == (
        "private, max-age=60",
        "private, max-age=40",
    )


def test_requests_are_limited_when_they_are_repeated(world):
    assert [world.claim("thumbnail").admits() for _ in range(6)] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("purpose", ["stream", "download"])
def test_streams_are_limited_when_requests_are_repeated(world, purpose):
    first = [world.claim(purpose).open_admitted() for _ in range(2)]
    assert not world.claim(purpose).admits()
    assert world.claim("thumbnail").admits()

    first[0].finish(None)
    assert world.claim(purpose).admits()


def test_services_are_free():
    world = World(roles={"service"})

    assert all(world.claim().admits() for _ in range(20))


def test_what_was_revoked_is_asked_anew_when_something_changed(world):
    permit = world.by_grant
    assert permit.holds()

    world.revocations.apply(enrollment("student", 3))
    assert permit.holds()

    world.revocations.apply(enrollment(None, 4))
    assert not permit.holds()
    assert not permit.holds()
