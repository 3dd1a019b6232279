"""Presentation of the picture of a WebM, carried to another file byte by byte: its `Video`
element, RFC 9559 s. 5.1.4.1.28, with the shape of pixels, cropping, field order and colours.

FFmpeg's muxer takes the shape of pixels from a place that PyAV does not reach. The muxer is made to
leave room for the element by a long name of the track. For sandboxed children only; blocks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from storage.containers.ebml import HEADER_BYTES, Element, known_stop, parse_element
from storage.errors import Undecodable, wrap_os_errors

_SEGMENT, _TRACKS, _CLUSTER = 0x18538067, 0x1654AE6B, 0x1F43B675
_TRACK, _TYPE, _NAME, _VIDEO, _VOID = 0xAE, 0x83, 0x536E, 0xE0, 0xEC
_DEFAULT_DURATION = 0x23E383
_PICTURE = 1
_MOST_BYTES = 1 << 16
_MOST_ELEMENTS = 1000


def read_picture_element(path: Path, number: int) -> bytes:
    """Video element of the track of pictures with this number, from 0, and how long its
    pictures last; empty when there is none where it is expected. Raises: FileMissing.
    """
    with wrap_os_errors(), path.open("rb") as file:
        try:
            tracks = _read_tracks(file)[1]
            tracks_of_pictures = list(_pictures(tracks))
            picture = tracks_of_pictures[number]
            return b"".join(_find(tracks, picture, kind) for kind in (_DEFAULT_DURATION, _VIDEO))
        except (Undecodable, IndexError):
            return b""


def padding_for(element: bytes) -> str:
    """Name of the made track that leaves room for `element`."""
    return " " * (len(element) + 64)


def write_picture_element(path: Path, element: bytes, name: str) -> None:
    """Into the only track of pictures, in place; its name becomes `name`. Raises: Undecodable."""
    with wrap_os_errors(), path.open("r+b") as file:
        start, tracks = _read_tracks(file)
        track = next(_pictures(tracks))
        kept = [
            tracks[one.start : one.stop]
            for one in _children(tracks, track.content, known_stop(track))
            if one.id not in (_NAME, _DEFAULT_DURATION, _VIDEO)
        ]
        if name:
            kept.append(_build(_NAME, name.encode()))
        content = b"".join([*kept, element])
        room = known_stop(track) - track.content - len(content)
        if room < 2:
            raise Undecodable("no room for the shape of the picture")
        file.seek(start + track.content)
        file.write(content + _build_void(room))


def _read_tracks(file: BinaryIO) -> tuple[int, bytes]:
    """Position and content of the Tracks element."""
    position = 0
    for _ in range(_MOST_ELEMENTS):
        file.seek(position)
        element = parse_element(file.read(HEADER_BYTES), offset=position)
        if element.id == _SEGMENT:
            position = element.content
            continue
        if element.id == _CLUSTER:
            break
        position = known_stop(element)
        if element.id == _TRACKS and position - element.content <= _MOST_BYTES:
            file.seek(element.content)
            return element.content, file.read(position - element.content)
    raise Undecodable("no tracks before the first cluster")


def _pictures(tracks: bytes) -> Iterator[Element]:
    for track in _children(tracks, 0, len(tracks)):
        if track.id == _TRACK:
            kind = _find(tracks, track, _TYPE)
            if kind and kind[-1] == _PICTURE:
                yield track


def _find(content: bytes, parent: Element, wanted: int) -> bytes:
    """The whole element of this kind; empty when there is none."""
    for one in _children(content, parent.content, known_stop(parent)):
        if one.id == wanted:
            return content[one.start : one.stop]
    return b""


def _children(content: bytes, position: int, stop: int) -> Iterator[Element]:
    within = content[:stop]
    while position < stop:
        element = parse_element(within, position)
        position = known_stop(element)
        if position > stop:
            raise Undecodable("an element is longer than the one around it")
        yield element


def _build(identifier: int, content: bytes) -> bytes:
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (len(content) | 1 << 56).to_bytes(8, "big") + content


def _build_void(length: int) -> bytes:
    """An element of nothing, of `length` bytes: 2 or more."""
    if length < 128:
        return bytes([_VOID, 0x80 | (length - 2)]) + bytes(length - 2)
    return _build(_VOID, bytes(length - 9))
