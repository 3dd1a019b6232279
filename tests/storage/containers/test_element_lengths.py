import io

import pytest

from storage.containers import element_lengths
from storage.containers.element_lengths import check_elements
from storage.errors import StorageError, TooComplex, Truncated, Undecodable
from tests.storage.containers.headers import CLUSTER, SEGMENT, UNKNOWN, ebml

SIZED = ebml(b"webm") + SEGMENT + b"\x82\xec\x80"
BLOCK = b"\xa3\x84\x81\0\0\x80"
LIVE = ebml(b"webm") + SEGMENT + UNKNOWN + CLUSTER + UNKNOWN + b"\xe7\x81\0" + BLOCK


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(SIZED, id="segment"),
        pytest.param(SIZED + b"\n", id="line-feed-behind"),
        pytest.param(SIZED + bytes(16), id="zeros-behind"),
        pytest.param(SIZED + b"TAGA lecture".ljust(128, b"\0"), id="id3v1-behind"),
        pytest.param(SIZED + bytes(10_000), id="many-zeros-behind"),
        pytest.param(LIVE + CLUSTER + b"\x80", id="unknown-sizes"),
        pytest.param(LIVE + b"\n", id="line-feed-behind-a-recording"),
        pytest.param(LIVE + bytes(16), id="zeros-behind-a-recording"),
        pytest.param(LIVE + b"TAGA lecture".ljust(128, b"\0"), id="id3v1-behind-a-recording"),
        pytest.param(LIVE + BLOCK[:1], id="recording-cut-inside-a-header"),
    ],
)
def test_whole_files_pass(content: bytes) -> None:
    check_elements(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(ebml(b"webm"), Truncated, id="no-segment"),
        pytest.param(ebml(b"webm") + SEGMENT + UNKNOWN, Truncated, id="no-cluster"),
        pytest.param(ebml(b"webm") + SEGMENT + b"\x84\xec", Truncated, id="segment-too-long"),
        pytest.param(
            ebml(b"webm") + SEGMENT + b"\x01\x7f" + b"\xff" * 6, Truncated, id="segment-of-2^55"
        ),
        pytest.param(
            ebml(b"webm") + SEGMENT + UNKNOWN + CLUSTER + b"\x85\xe7",
            Truncated,
            id="cluster-too-long",
        ),
        pytest.param(LIVE + BLOCK[:-1], Truncated, id="block-too-long"),
        pytest.param(
            LIVE + b"\x54\x41\x40\x41" + bytes(5000), Undecodable, id="too-much-for-stray-bytes"
        ),
        pytest.param(
            LIVE + b"\x54\x41\x10\xff\xff\xff" + bytes(5000), Truncated, id="unknown-too-long"
        ),
        pytest.param(
            ebml(b"webm") + SEGMENT + UNKNOWN + b"\xe7" + UNKNOWN, Undecodable, id="unknown-leaf"
        ),
        pytest.param(ebml(b"webm") + b"\0" * 9, Undecodable, id="not-an-element"),
    ],
)
def test_wrong_lengths_are_refused(content: bytes, error: type[StorageError]) -> None:
    with pytest.raises(error):
        check_elements(io.BytesIO(content), len(content))


def test_live_recording_past_the_bound_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(element_lengths, "_MAX_ELEMENTS", 4)
    content = ebml(b"webm") + SEGMENT + UNKNOWN + (CLUSTER + b"\x80") * 5 + b"\xff"

    check_elements(io.BytesIO(content), len(content))


@pytest.mark.parametrize("tiny", [b"\xec\x80", b"\xa3\x82ab"], ids=["empty", "two-bytes"])
def test_elements_without_content_are_soon_too_many(tiny: bytes) -> None:
    head = ebml(b"webm") + SEGMENT + UNKNOWN + CLUSTER + UNKNOWN
    few, many = head + tiny * 10_000, head + tiny * 10_001

    check_elements(io.BytesIO(few), len(few))
    with pytest.raises(TooComplex):
        check_elements(io.BytesIO(many), len(many))
