import pytest

from storage.containers.ebml import Element, NoElement, known_stop, parse_element


@pytest.mark.parametrize(
    ("data", "position", "offset", "expected"),
    [
        pytest.param(b"\xec\x82ab", 0, 0, Element(0xEC, 0, 2, 4), id="one octet each"),
        pytest.param(b"..\xec\x82ab", 2, 100, Element(0xEC, 102, 104, 106), id="elsewhere"),
        pytest.param(b"\x1a\x45\xdf\xa3\x40\x03", 0, 0, Element(0x1A45DFA3, 0, 6, 9), id="EBML"),
        pytest.param(b"\xe7\x01" + bytes(6) + b"\5", 0, 0, Element(0xE7, 0, 9, 14), id="8 octets"),
        pytest.param(b"\xe7\xff", 0, 0, Element(0xE7, 0, 2, None), id="unknown, 1 octet"),
        pytest.param(b"\xe7\x01" + b"\xff" * 7, 0, 0, Element(0xE7, 0, 9, None), id="unknown, 8"),
    ],
)
def test_element(data: bytes, position: int, offset: int, expected: Element) -> None:
    assert parse_element(data, position, offset) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xec", id="no size"),
        pytest.param(b"\x1a\x45", id="cut inside the identifier"),
        pytest.param(b"\xec\x40", id="cut inside the size"),
        pytest.param(b"\x08\0\0\0\0\x80", id="identifier of five octets"),
        pytest.param(b"\xec\0", id="size of nine octets"),
    ],
)
def test_what_is_no_element(data: bytes) -> None:
    with pytest.raises(NoElement):
        parse_element(data)


def test_known_stop() -> None:
    assert known_stop(Element(0xEC, 0, 2, 4)) == 4
    with pytest.raises(NoElement, match="0xec has no size"):
        known_stop(Element(0xEC, 0, 2, None))
