"""Grants stop holding when the enrolment that allowed them changed or the video is gone."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from events.log.types import EnrollmentChanged, VideoDeleted, VideoUpdated
from handlers.access.grants import Grants, PlaybackGrant
from handlers.access.revocation import Revocations, held_grant
from handlers.errors import InvalidToken, NotEnrolled, Unavailable

NOW = datetime.now(UTC)
VIDEO = uuid4()


def grant(version: int | None = 1, video_id: UUID = VIDEO) -> PlaybackGrant:
    return PlaybackGrant(
        user_id="ada",
        video_id=video_id,
        course_id="c1",
        version=version,
        duration_s=1.0,
        media_types={},
        expires_at=0.0,
    )


def changed(version: int, role: str | None = None, user_id: str = "ada") -> EnrollmentChanged:
    return EnrollmentChanged(
        course_id="c1", user_id=user_id, occurred_at=NOW, role=role, version=version
    )


def deleted(video_id: UUID) -> VideoDeleted:
    return VideoDeleted(video_id=video_id, course_id="c1", user_id="t", occurred_at=NOW, video={})


@pytest.fixture
def revocations() -> Revocations:
    loaded = Revocations()
    loaded.load({}, [])
    return loaded


def test_nothing_holds_before_the_tables_are_loaded() -> None:
    with pytest.raises(Unavailable):
        Revocations().require(grant())


def test_grant_of_an_enrolment_never_changed_holds(revocations: Revocations) -> None:
    revocations.require(grant())


def test_what_the_database_has_lost_is_forgotten(revocations: Revocations) -> None:
    other = uuid4()
    revocations.apply(changed(2))
    revocations.apply(deleted(VIDEO))

    revocations.replace({("c1", "bob"): 3}, [other])

    revocations.require(grant(1))
    assert len(revocations) == 2
    with pytest.raises(NotEnrolled):
        revocations.require(grant(4, other))


def test_withdrawal_ends_older_grants(revocations: Revocations) -> None:
    revocations.apply(changed(2))

    with pytest.raises(NotEnrolled):
        revocations.require(grant(1))


def test_enrolling_again_makes_new_grants_work_before_the_log_tells(
    revocations: Revocations,
) -> None:
    revocations.apply(changed(2))

    revocations.require(grant(3))


def test_grant_of_the_change_itself_holds(revocations: Revocations) -> None:
    revocations.apply(changed(2, "instructor"))

    revocations.require(grant(2))


def test_versions_never_fall(revocations: Revocations) -> None:
    revocations.apply(changed(5))
    revocations.load({("c1", "ada"): 2}, [])

    with pytest.raises(NotEnrolled):
        revocations.require(grant(4))


def test_others_keep_their_grants(revocations: Revocations) -> None:
    revocations.load({("c1", "bob"): 9, ("c2", "ada"): 9}, [])

    revocations.require(grant(1))


def test_deleted_video_plays_no_more_until_restored(revocations: Revocations) -> None:
    told = {"video_id": VIDEO, "course_id": "c1", "user_id": "t", "occurred_at": NOW, "video": {}}
    revocations.apply(deleted(VIDEO))

    with pytest.raises(NotEnrolled):
        revocations.require(grant())
    with pytest.raises(NotEnrolled):
        revocations.require(grant(version=None))

    revocations.apply(VideoUpdated(**told))
    revocations.require(grant())


def test_restoration_published_before_loading_wins_over_what_was_read_earlier() -> None:
    told = {"video_id": VIDEO, "course_id": "c1", "user_id": "t", "occurred_at": NOW, "video": {}}
    revocations = Revocations()
    revocations.apply(VideoUpdated(**told))
    revocations.load({}, [VIDEO])

    revocations.require(grant())

    revocations.apply(deleted(VIDEO))
    with pytest.raises(NotEnrolled):
        revocations.require(grant())


def test_change_published_before_loading_deletes_nothing() -> None:
    told = {"video_id": VIDEO, "course_id": "c1", "user_id": "t", "occurred_at": NOW, "video": {}}
    revocations = Revocations()
    revocations.apply(VideoUpdated(**told))
    revocations.load({}, [])

    revocations.require(grant())


def test_no_enrolment_revokes_the_privileged(revocations: Revocations) -> None:
    revocations.apply(changed(7))

    revocations.require(grant(version=None))


THIRTY_DAYS_AND_AN_HOUR_S = 30 * 86400 + 3600.0  # the longest GRANT_TTL, and clocks that differ


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class TestForgetting:
    """Entries are bounded by the changes within a grant's lifetime, however long it runs."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def remembering(self, clock: Clock) -> Revocations:
        loaded = Revocations(clock)
        loaded.load({("c1", "ada"): 2}, [VIDEO])
        return loaded

    def test_what_is_as_old_as_no_grant_can_be_goes_with_the_next_change(
        self, remembering: Revocations, clock: Clock
    ) -> None:
        clock.now_s += THIRTY_DAYS_AND_AN_HOUR_S
        remembering.apply(changed(2, user_id="bob"))
        remembering.apply(deleted(uuid4()))

        assert len(remembering) == 2

    def test_until_then_it_stays(self, remembering: Revocations, clock: Clock) -> None:
        clock.now_s += THIRTY_DAYS_AND_AN_HOUR_S - 1
        remembering.apply(changed(2, user_id="bob"))
        remembering.apply(deleted(uuid4()))

        assert len(remembering) == 4
        assert remembering.is_revoked(grant(1))

    def test_what_is_changed_again_stays_from_then_on(
        self, remembering: Revocations, clock: Clock
    ) -> None:
        remembering.apply(changed(2, user_id="bob"))
        remembering.apply(deleted(uuid4()))
        clock.now_s += THIRTY_DAYS_AND_AN_HOUR_S - 1
        remembering.apply(changed(3))
        remembering.apply(deleted(VIDEO))
        clock.now_s += 1
        remembering.apply(changed(2, user_id="cid"))
        remembering.apply(deleted(uuid4()))

        assert len(remembering) == 4
        assert remembering.is_revoked(grant(2, uuid4()))
        assert remembering.is_revoked(grant(None))

    def test_years_of_changes_need_the_room_of_a_month(self, clock: Clock) -> None:
        loaded = Revocations(clock)
        loaded.load({}, [])
        for number in range(1000):
            loaded.apply(changed(2, user_id=f"user-{number}"))
            loaded.apply(deleted(uuid4()))
            clock.now_s += 86400

        assert len(loaded) <= 2 * 31


class TestATokenOfAGrant:
    @pytest.fixture
    def grants(self) -> Grants:
        return Grants("a secret of thirty-two bytes or more", 60.0, clock=lambda: 0.0)

    @pytest.fixture
    def token(self, grants: Grants) -> str:
        return grants.mint(msgspec.structs.replace(grant(), expires_at=2.0**40))

    def test_is_that_grant(self, grants: Grants, revocations: Revocations, token: str) -> None:
        assert held_grant(grants, revocations, token, VIDEO).user_id == "ada"

    @pytest.mark.parametrize("video_id", [None, uuid4()])
    def test_is_none_for_another_video(
        self, grants: Grants, revocations: Revocations, token: str, video_id: UUID | None
    ) -> None:
        with pytest.raises(NotEnrolled):
            held_grant(grants, revocations, token, video_id)

    def test_is_none_once_withdrawn(
        self, grants: Grants, revocations: Revocations, token: str
    ) -> None:
        revocations.apply(changed(2))

        with pytest.raises(NotEnrolled):
            held_grant(grants, revocations, token, VIDEO)

    def test_is_none_that_was_never_signed(self, grants: Grants, revocations: Revocations) -> None:
        with pytest.raises(InvalidToken):
            held_grant(grants, revocations, "nonsense", VIDEO)
