import base64

import pytest

from events.uploads.checksum import Checksum
from handlers.errors import InvalidRequest
from handlers.uploads.tus_headers import (
    MAX_METADATA_BYTES,
    build_metadata,
    parse_checksum,
    parse_metadata,
    parse_size,
)

SHA1 = base64.b64encode(b"s" * 20).decode()


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_size_is_a_number_of_bytes(text: str, size: int) -> None:
    assert parse_size("Upload-Length", text) == size


@pytest.mark.parametrize("text", [None, "", "-1", "+1", "1.0", "1e3", "0x1", " 1", "٣", "9" * 19])
def test_what_is_no_size_is_refused(text: str | None) -> None:
    with pytest.raises(InvalidRequest, match="Upload-Length"):
        parse_size("Upload-Length", text)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        pytest.param("", {}, id="none"),
        pytest.param(" \t", {}, id="blank"),
        pytest.param("a YQ==", {"a": b"a"}, id="one"),
        pytest.param("a YQ==,b Yg==", {"a": b"a", "b": b"b"}, id="two"),
        pytest.param("a YQ== , b Yg==", {"a": b"a", "b": b"b"}, id="spaces-around-the-comma"),
        pytest.param("a,b ,c YQ==", {"a": b"", "b": b"", "c": b"a"}, id="values-may-be-absent"),
        pytest.param("!~+-. YQ==", {"!~+-.": b"a"}, id="all-kinds-of-keys"),
        pytest.param("a /+8=", {"a": b"\xff\xef"}, id="standard-alphabet"),
    ],
)
def test_metadata_are_pairs(text: str, pairs: dict[str, bytes]) -> None:
    assert parse_metadata(text) == pairs
    assert parse_metadata(build_metadata(pairs)) == pairs


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(",", id="no-key"),
        pytest.param("a YQ==,", id="no-last-key"),
        pytest.param("a YQ==,a Yg==", id="doubled"),
        pytest.param("ä YQ==", id="not-ascii"),
        pytest.param("a\x7f YQ==", id="control-character"),
        pytest.param("a YQ", id="no-padding"),
        pytest.param("a Y Q==", id="space-in-the-value"),
        pytest.param("a YQ==YQ==", id="padding-in-the-middle"),
        pytest.param("a _-8=", id="alphabet-of-addresses"),
        pytest.param("a ä", id="value-not-ascii"),
    ],
)
def test_malformed_metadata_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Upload-Metadata"):
        parse_metadata(text)


def test_no_more_metadata_are_taken_than_can_be_returned() -> None:
    longest = "a " + "A" * (MAX_METADATA_BYTES - 2)
    assert len(longest) == MAX_METADATA_BYTES
    parse_metadata(longest[:-2])
    with pytest.raises(InvalidRequest, match=f"at most {MAX_METADATA_BYTES} bytes"):
        parse_metadata(longest + "AAAA")


def test_metadata_are_written_as_clients_write_them() -> None:
    assert build_metadata({"a": b"a", "empty": b""}) == "a YQ==,empty"


def test_checksum_is_an_algorithm_and_a_digest() -> None:
    assert parse_checksum(None) is None
    assert parse_checksum(f"sha1 {SHA1}") == Checksum("sha1", b"s" * 20)


@pytest.mark.parametrize(
    "text", ["", "sha1", f"SHA1 {SHA1}", f"md5 {SHA1}", f"sha256 {SHA1}", "sha1 !", f"sha1  {SHA1}"]
)
def test_checksum_that_cannot_be_checked_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Upload-Checksum"):
        parse_checksum(text)
