from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from db.progress.report_batch import SessionKey, VideoKey
from events.progress.session_names import ID_LENGTH, SessionNames

VIDEO = VideoKey("ada", UUID("00000000-0000-4000-8000-000000000001"))
OTHER_VIDEO = UUID("00000000-0000-4000-8000-000000000002")
NAMED_AT = datetime(2026, 11, 30, 12, 0, 0, 123_000, tzinfo=UTC)
NAMES = SessionNames("a secret of thirty-two bytes or more")
ID = NAMES.new(VIDEO, NAMED_AT)
KEY = SessionKey("ada", VIDEO.video_id, ID)


def test_a_name_says_when_it_was_given_in_every_process() -> None:
    assert len(ID) == ID_LENGTH
    assert SessionNames("a secret of thirty-two bytes or more").named_at(KEY) == NAMED_AT


def test_names_given_at_once_differ() -> None:
    assert NAMES.new(VIDEO, NAMED_AT) != ID


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(replace(KEY, user_id="eve"), id="of another user"),
        pytest.param(replace(KEY, video_id=OTHER_VIDEO), id="of another video"),
        pytest.param(replace(KEY, session_id="AA" + ID[2:]), id="an earlier time"),
        pytest.param(replace(KEY, session_id=ID[:-1] + "AB"[ID[-1] == "A"]), id="a changed MAC"),
        pytest.param(replace(KEY, session_id=ID[:-1]), id="too short"),
        pytest.param(replace(KEY, session_id="s"), id="made up by the client"),
        pytest.param(replace(KEY, session_id="-" * ID_LENGTH), id="made up as long"),
    ],
)
def test_other_ids_say_nothing(key: SessionKey) -> None:
    assert NAMES.named_at(key) is None


def test_another_secret_says_nothing() -> None:
    assert SessionNames("another secret of thirty-two bytes").named_at(KEY) is None


def test_a_name_is_whole_in_milliseconds() -> None:
    at = NAMED_AT + timedelta(microseconds=999)
    key = replace(KEY, session_id=NAMES.new(VIDEO, at))

    assert NAMES.named_at(key) == NAMED_AT
