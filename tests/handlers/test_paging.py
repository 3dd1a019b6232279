"""Pages: bounds of `limit`, and cursors that nobody can bend."""

import base64
import json
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from events.privacy.seal import Seal
from handlers.errors import InvalidRequest
from handlers.paging import BEGINNING, Page, page_of

KEY = tuple[datetime, str]


def page(query: str) -> Page:
    return page_of(make_mocked_request("GET", f"/?{query}"))


@pytest.mark.parametrize(("query", "limit"), [("", 50), ("limit=1", 1), ("limit=200", 200)])
def test_limit_within_bounds(query: str, limit: int) -> None:
    assert page(query).limit == limit


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.0", "", "ten", "٣", "1e2", "9" * 5000])
def test_limit_out_of_bounds_is_refused(limit: str) -> None:
    with pytest.raises(InvalidRequest):
        page(f"limit={limit}")


def test_list_begins_without_a_cursor_and_asks_for_one_row_more() -> None:
    assert page("").after(KEY, (BEGINNING, "")) == (BEGINNING, "")
    assert page("limit=7").fetch_limit == 8


def test_cursor_that_is_too_long_is_not_read() -> None:
    assert page("cursor=" + "A" * 512).cursor == "A" * 512
    with pytest.raises(InvalidRequest):
        page("cursor=" + "A" * 513)


def test_cursor_leads_on_after_the_last_item() -> None:
    rows = [(datetime(2026, 1, day, tzinfo=UTC), f"id{day}") for day in (1, 2, 3)]

    first = page("limit=2").answer(rows, lambda row: row[1], lambda row: row)

    assert first.items == ["id1", "id2"]
    assert page(f"cursor={first.next_cursor}").after(KEY, (BEGINNING, "")) == rows[1]


def test_sealed_cursor_leads_on_and_shows_no_key() -> None:
    seal = Seal("secret")
    first = Page(1, None, seal).answer(["anna", "bert"], str, str)

    assert first.next_cursor is not None
    assert b"anna" not in base64.urlsafe_b64decode(first.next_cursor)
    assert Page(1, first.next_cursor, seal).after(str, "") == "anna"


@pytest.mark.parametrize("cursor", ["ImFubmEi", "", "€"])
def test_cursor_that_was_not_sealed_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        Page(1, cursor, Seal("secret")).after(str, "")


def test_cursor_that_another_secret_sealed_is_refused() -> None:
    cursor = Seal("another").seal('"anna"', "cursor")
    with pytest.raises(InvalidRequest):
        Page(1, cursor, Seal("secret")).after(str, "")


def test_last_page_has_no_cursor() -> None:
    rows = [(datetime(2026, 1, 1, tzinfo=UTC), "id1")]

    assert page("limit=1").answer(rows, str, lambda row: row).next_cursor is None


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(["2026-01-01T00:00:00Z", "a\0"], id="NUL"),
        pytest.param(["2026-01-01T00:00:00", "a"], id="time without a zone"),
        pytest.param(["0001-01-01T00:00:00+23:59", "a"], id="before the first year"),
        pytest.param(["9999-12-31T23:59:59-23:59", "a"], id="after the last year"),
        pytest.param([253402300800, "a"], id="number for a time"),
        pytest.param(["2026-01-01T00:00:00Z"], id="too short"),
    ],
)
def test_cursor_that_the_database_would_choke_on_is_refused(key: list[str]) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")

    with pytest.raises(InvalidRequest):
        Page(1, cursor).after(KEY, (BEGINNING, ""))


@given(st.text(max_size=600))
def test_any_other_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        Page(1, cursor).after(KEY, (BEGINNING, ""))
