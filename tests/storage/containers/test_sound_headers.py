import struct

import pytest

from storage.containers.sound_headers import (
    adts_frame_bytes,
    id3_bytes,
    mp3_frame_bytes,
    xing_bytes,
)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        pytest.param(b"\xff\xfb\x90\x00", 417, id="mpeg-1-128k-44100"),
        pytest.param(b"\xff\xfb\x92\x00", 418, id="padded"),
        pytest.param(b"\xff\xf3\x84\x00", 192, id="mpeg-2-64k-24000"),
        pytest.param(b"\xff\xe3\x18\x00", 72, id="mpeg-2.5-8k-8000"),
        pytest.param(b"\xff\xfb\x00\x00", 0, id="free-bitrate"),
        pytest.param(b"\xff\xfb\xf0\x00", 0, id="no-such-bitrate"),
        pytest.param(b"\xff\xfb\x9c\x00", 0, id="no-such-rate"),
        pytest.param(b"\xff\xeb\x90\x00", 0, id="no-such-version"),
        pytest.param(b"\xff\xfd\x90\x00", 0, id="layer-ii"),
        pytest.param(b"\xff\xd8\xff\xe0", 0, id="jpeg"),
        pytest.param(b"\xff\xfe<\0", 0, id="utf-16"),
        pytest.param(b"\xff\xfb\x90", 0, id="cut"),
    ],
)
def test_mp3_frame_tells_its_length(head: bytes, length: int) -> None:
    assert mp3_frame_bytes(head) == length


@pytest.mark.parametrize(
    ("head", "length"),
    [
        pytest.param(b"\xff\xf1\x50\x80\x2e\x7f\xfc", 371, id="adts"),
        pytest.param(b"\xff\xf1\x50\x80\x00\xff\xfc", 0, id="no-more-than-its-header"),
        pytest.param(b"\xff\xfb\x50\x80\x2e\x7f\xfc", 0, id="mp3"),
        pytest.param(b"\xff\xf1\x50\x80\x2e\x7f", 0, id="cut"),
    ],
)
def test_aac_frame_tells_its_length(head: bytes, length: int) -> None:
    assert adts_frame_bytes(head) == length


@pytest.mark.parametrize(
    ("head", "length"),
    [
        pytest.param(b"ID3\4\0\0\0\0\2\1" + bytes(9), 10 + 257, id="seven-bits-an-octet"),
        pytest.param(b"ID3\4\0\x10\0\0\0\5", 25, id="with-footer"),
        pytest.param(b"ID3\4\0", 0, id="cut"),
        pytest.param(b"\xff\xfb\x90\x00" + bytes(9), 0, id="none"),
    ],
)
def test_tag_tells_its_length(head: bytes, length: int) -> None:
    assert id3_bytes(head) == length


@pytest.mark.parametrize(
    ("header", "gap"),
    [
        pytest.param(b"\xff\xfb\x90\x00", 32, id="mpeg-1-stereo"),
        pytest.param(b"\xff\xfb\x90\xc0", 17, id="mpeg-1-mono"),
        pytest.param(b"\xff\xf3\x84\x00", 17, id="mpeg-2-stereo"),
        pytest.param(b"\xff\xf3\x84\xc0", 9, id="mpeg-2-mono"),
    ],
)
@pytest.mark.parametrize("name", [b"Xing", b"Info"])
def test_size_noted_by_the_encoder_is_found(header: bytes, gap: int, name: bytes) -> None:
    with_frames = name + struct.pack(">III", 3, 9, 1234)
    without = name + struct.pack(">II", 2, 1234)

    assert xing_bytes(header + bytes(gap) + with_frames) == 1234
    assert xing_bytes(header + bytes(gap) + without) == 1234
    assert xing_bytes(header + bytes(gap) + name + struct.pack(">II", 1, 9)) == 0
    assert xing_bytes(header + bytes(gap) + b"LAME" + bytes(8)) == 0
    assert xing_bytes(b"no frame" + bytes(60)) == 0
