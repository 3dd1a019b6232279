"""Responses left to nginx: those that it answers alike, with the fields that it needs."""

from pathlib import Path

import pytest
from multidict import CIMultiDict

from handlers.delivery.handover import Handover, is_alike
from handlers.delivery.ranges import RepresentationFacts, plan

FACTS = RepresentationFacts(1000, "video/mp4", "abc", 1_700_000_000, "private, no-cache")


def alike(fields: dict[str, str] | list[tuple[str, str]], method: str = "GET") -> bool:
    headers = CIMultiDict(fields)
    return is_alike(method, headers, plan(method, headers, FACTS, boundary="b"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Range": "bytes=0-0"},
        {"Range": "bytes=999-999"},
        {"Range": "bytes=5-"},
        {"Range": "bytes=-5"},
        {"Range": "bytes=-2000"},
        {"Range": "bytes=5-2000"},
        {"Range": "bytes=5-9", "If-Range": '"abc"'},
        {"Range": "bytes=5-9", "If-Range": "Tue, 14 Nov 2023 22:13:20 GMT"},
    ],
    ids=str,
)
def test_one_plain_range_and_the_whole_are_left_to_nginx(fields: dict[str, str]) -> None:
    assert alike(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"Range": "bytes=1000-"},
        {"Range": "bytes=-0"},
        {"Range": "bytes=5-4"},
        {"Range": "bytes=x"},
        {"Range": "items=0-5"},
        {"Range": "BYTES=0-5"},
        {"Range": "bytes= 0-5"},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=0-1,2-3"},
        {"Range": f"bytes=5-{'9' * 16}"},
        [("Range", "bytes=0-5"), ("Range", "bytes=0-5")],
        {"Range": "bytes=5-9", "If-Range": '"other"'},
        {"If-None-Match": '"abc"'},
        {"If-None-Match": '"other"'},
        {"If-Match": '"abc"'},
        {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:19 GMT"},
        {"If-Unmodified-Since": "Tue, 14 Nov 2033 22:13:20 GMT"},
    ],
    ids=str,
)
def test_all_else_is_answered_here(fields: dict[str, str]) -> None:
    assert not alike(fields)


def test_head_is_answered_here() -> None:
    assert not alike({}, "HEAD")


@pytest.mark.parametrize(
    ("fields", "has_accept_ranges"), [({}, False), ({"Range": "bytes=0-9"}, True)]
)
def test_nginx_gets_the_fields_that_it_does_not_make(
    fields: dict[str, str], has_accept_ranges: bool
) -> None:
    root = Path("/srv/videos")
    planned = plan("GET", CIMultiDict(fields), FACTS, boundary="b")

    found = CIMultiDict(
        Handover("/internal/", root).headers(planned, root / "courses/c1/v/source-1.mp4", "ada")
    )

    assert found["X-Accel-Redirect"] == "/internal/courses/c1/v/source-1.mp4"
    assert found["X-Accel-Viewer"] == "ada"
    assert (found["Content-Type"], found["ETag"]) == ("video/mp4", '"abc"')
    assert ("Accept-Ranges" in found) == has_accept_ranges
    assert not [name for name in ("Content-Length", "Content-Range") if name in found]


def test_an_exempt_viewer_is_not_named() -> None:
    root = Path("/srv/videos")
    planned = plan("GET", CIMultiDict(), FACTS, boundary="b")

    assert "X-Accel-Viewer" not in dict(Handover("/i/", root).headers(planned, root / "a", ""))
