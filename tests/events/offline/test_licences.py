from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from events.offline.licences import Licence, lifetime

VIDEO, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 30, 12, 0, 0, 999_000, tzinfo=UTC)
ISSUED_AT, EXPIRES_AT = lifetime(NOW, 3600)
LICENCE = Licence(
    sub="ada",
    video_id=VIDEO,
    course_id="c1",
    version=3,
    session_id="s",
    height=480,
    captions=["en"],
    poster=None,
    files=[],
    iat=ISSUED_AT,
    exp=EXPIRES_AT,
)


def at(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)


def test_a_licence_lives_for_whole_seconds() -> None:
    assert (at(ISSUED_AT), EXPIRES_AT - ISSUED_AT) == (NOW.replace(microsecond=0), 3600)


@pytest.mark.parametrize(
    ("user_id", "video_id", "version", "now_s", "expected"),
    [
        pytest.param("ada", VIDEO, 3, ISSUED_AT, True, id="holds"),
        pytest.param("ada", VIDEO, 3, EXPIRES_AT - 0.001, True, id="to its last moment"),
        pytest.param("ada", VIDEO, 3, EXPIRES_AT, False, id="expired"),
        pytest.param("eve", VIDEO, 3, ISSUED_AT, False, id="another user's"),
        pytest.param("ada", OTHER, 3, ISSUED_AT, False, id="another video's"),
        pytest.param("ada", VIDEO, 4, ISSUED_AT, False, id="of an older enrolment"),
        pytest.param("ada", VIDEO, 2, ISSUED_AT, False, id="of a newer enrolment"),
        pytest.param("ada", VIDEO, None, ISSUED_AT, False, id="of an admin"),
    ],
)
def test_a_licence_holds_for_one_user_video_and_enrolment(
    user_id: str, video_id: UUID, version: int | None, now_s: float, expected: bool
) -> None:
    assert LICENCE.allows(user_id, video_id, version, at(now_s)) is expected


def test_a_licence_is_read_as_it_was_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(LICENCE), type=Licence) == LICENCE
