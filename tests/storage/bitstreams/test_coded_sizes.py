"""A change of size within a track is found at its keyframe, and the film is converted."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.frame import VideoFrame

from storage.bitstreams.coded_sizes import CodedSizes
from storage.conversion.transcode import transcode
from storage.formats import TRAITS, SourceFormat
from storage.media.facts import MediaLimits
from storage.media.measure import measure
from storage.remux.preparation import prepare

SMALL, LARGE = (64, 48), (96, 64)
RATE, PICTURES = 25, 10
REPEATED = {"x264-params": "repeat-headers=1"}
CODERS: dict[str, tuple[str, dict[str, str]]] = {
    "vp8": ("libvpx", {}),
    "vp9": ("libvpx-vp9", {}),
    "h264": ("libx264", REPEATED),
    "av1": ("libsvtav1", {"preset": "12"}),
}


def encoded(
    codec: str, size: tuple[int, int], pixels: str, start: int = 0
) -> tuple[Any, list[Any]]:
    """The encoder, and its packets."""
    name, options = CODERS[codec]
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base = pixels, Fraction(1, RATE)
    encoder.framerate, encoder.options = Fraction(RATE), options
    packets = []
    for number in range(PICTURES):
        frame = VideoFrame(*size, pixels)
        for plane in frame.planes:
            plane.update(bytes([40 + number]) * plane.buffer_size)
        frame.pts, frame.time_base = start + number, Fraction(1, RATE)
        packets += encoder.encode(frame)
    return encoder, packets + encoder.encode(None)


def is_steady(codec: str, *sizes: tuple[int, int], pixels: str = "yuv420p") -> bool:
    encoders = [encoded(codec, size, pixels) for size in sizes]
    found = CodedSizes(codec, encoders[0][0].extradata or b"")
    for _, packets in encoders:
        for packet in packets:
            if packet.is_keyframe:
                found.add(bytes(packet))
    return found.is_steady


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        pytest.param("vp8", "yuv420p", id="vp8"),
        pytest.param("vp9", "yuv420p", id="vp9, profile 0"),
        pytest.param("vp9", "yuv444p", id="vp9, profile 1"),
        pytest.param("vp9", "gbrp", id="vp9, profile 1, RGB"),
        pytest.param("h264", "yuv420p", id="h264"),
        pytest.param("av1", "yuv420p", id="av1"),
    ],
)
def test_size(codec: str, pixels: str) -> None:
    assert is_steady(codec, SMALL, SMALL, pixels=pixels)
    assert not is_steady(codec, SMALL, LARGE, pixels=pixels)
    assert not is_steady(codec, SMALL, SMALL, (48, 64), pixels=pixels)


def vp9_keyframe(profile_bits: str, after_profile: str, colour_bits: str, size: int) -> bytes:
    """VP9 bitstream s. 6.2: marker, profile, flags, sync code, colours, then `size` twice."""
    sync = f"{0x498342:024b}"
    bits = f"10{profile_bits}{after_profile}0011{sync}{colour_bits}{size - 1:016b}{size - 1:016b}"
    return int(f"{bits:0<128}", 2).to_bytes(16, "big")


@pytest.mark.parametrize(
    ("profile_bits", "after_profile", "colour_bits"),
    [
        pytest.param("01", "", "00100", id="profile 2, 10 bits"),
        pytest.param("01", "", "10100", id="profile 2, 12 bits"),
        pytest.param("11", "0", "00100000", id="profile 3"),
        pytest.param("11", "0", "01110", id="profile 3, RGB"),
    ],
)
def test_vp9_of_more_bits(profile_bits: str, after_profile: str, colour_bits: str) -> None:
    for sizes, expected in (([64, 64], True), ([64, 65], False)):
        found = CodedSizes("vp9", b"")
        for size in sizes:
            found.add(vp9_keyframe(profile_bits, after_profile, colour_bits, size))
        assert found.is_steady == expected


def test_reserved_vp9_profile_has_no_size() -> None:
    found = CodedSizes("vp9", b"")
    for size in (64, 65):
        found.add(vp9_keyframe("11", "1", "0010000", size))
    assert found.is_steady


@pytest.mark.parametrize("codec", CODERS)
@pytest.mark.parametrize(
    "head", [b"", b"\0", b"\x88" * 16, b"\xff" * 7, bytes(20), b"\x12\xff\xff\xff\xff"]
)
def test_damaged_keyframe_has_no_size(codec: str, head: bytes) -> None:
    found = CodedSizes(codec, b"\x01\x64\x00\x1f\xff\xe1\xff\xff")
    found.add(head)
    found.add(head)
    assert found.is_steady


AT_RANDOM = {"preset": "12", "svtav1-params": "resize-mode=2"}
ALWAYS_SMALLER = {"preset": "12", "svtav1-params": "resize-mode=1:resize-denom=12"}


@pytest.mark.parametrize("muxer", ["webm", "mp4"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"preset": "12"}, True, id="one-size"),
        pytest.param(AT_RANDOM, False, id="at-random"),
        pytest.param(ALWAYS_SMALLER, False, id="smaller-but-for-keyframes"),
    ],
)
def test_av1_that_changes_between_keyframes_is_found(
    tmp_path: Path,
    limits: MediaLimits,
    monkeypatch: pytest.MonkeyPatch,
    muxer: SourceFormat,
    options: dict[str, str],
    expected: bool,
) -> None:
    monkeypatch.setitem(CODERS, "av1", ("libsvtav1", options))
    film = joined(tmp_path / "film", muxer, "av1", [LARGE])

    with av.open(str(film)) as media:
        sizes = {(one.width, one.height) for one in media.decode(video=0)}

    assert (len(sizes) == 1) == expected
    assert measure(film, muxer, limits).is_steady == expected


def bits(*fields: str) -> bytes:
    return int(f"{''.join(fields):0<192}", 2).to_bytes(24, "big")


KEYFRAME = vp9_keyframe("00", "", "0010", 64)
SHOWN, HIDDEN = "1000011000", "10000100000"
INTRA_ONLY = "10000100100" + f"{0x498342:024b}"
REFERENCES = "000000100100"  # the slots 0, 1 and 2
FIRST_TO_NONE, ALL = "00000000", "11111111"
OF_FIRST = "1"
OWN_96 = "000" + f"{95:016b}" * 2
OWN_64 = "000" + f"{63:016b}" * 2


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param([bits(SHOWN, ALL, REFERENCES, OF_FIRST)], True, id="of-a-reference"),
        pytest.param([bits(SHOWN, ALL, REFERENCES, OWN_64)], True, id="its-own-and-the-same"),
        pytest.param([bits(SHOWN, ALL, REFERENCES, OWN_96)], False, id="its-own"),
        pytest.param([bits(HIDDEN, ALL, REFERENCES, OWN_96)], True, id="hidden"),
        pytest.param(
            [bits(HIDDEN, ALL, REFERENCES, OWN_96), bits(SHOWN, ALL, REFERENCES, OF_FIRST)],
            False,
            id="of-a-hidden-reference",
        ),
        pytest.param(
            [bits(HIDDEN, "00000010", REFERENCES, OWN_96), bits(SHOWN, ALL, REFERENCES, OF_FIRST)],
            True,
            id="of-another-reference",
        ),
        pytest.param(
            [bits(HIDDEN, "00000010", REFERENCES, OWN_96), bits("10" "00" "1", "001")],
            False,
            id="a-kept-one-is-shown",
        ),
        pytest.param(
            [bits(INTRA_ONLY, ALL, f"{95:016b}" * 2), bits(SHOWN, ALL, REFERENCES, OF_FIRST)],
            False,
            id="of-an-intra-only-one",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_together", [False, True], ids=["packets", "one-packet"])
def test_vp9_that_changes_between_keyframes_is_found(
    frames: list[bytes], expected: bool, is_together: bool
) -> None:
    found = CodedSizes("vp9", b"")
    found.add(KEYFRAME)
    if is_together:  # with an index: VP9 bitstream annex B
        marker = bytes([0xC0 | len(frames) - 1])
        frames = [b"".join(frames) + marker + bytes(map(len, frames)) + marker]
    for frame in frames:
        found.add(frame)

    assert found.is_steady == expected


def joined(path: Path, muxer: str, codec: str, sizes: list[tuple[int, int]]) -> Path:
    """One track of the packets of several encoders."""
    with av.open(str(path), "w", format=muxer) as out:
        first: Any = out.add_stream(CODERS[codec][0], rate=RATE, options=CODERS[codec][1])
        first.width, first.height = sizes[0]
        first.pix_fmt = "yuv420p"
        for place, size in enumerate(sizes):
            for packet in encoded(codec, size, "yuv420p", place * PICTURES)[1]:
                packet.stream = first
                out.mux(packet)
    return path


@pytest.mark.parametrize(
    ("muxer", "source", "codec"),
    [
        ("webm", "webm", "vp8"),
        ("webm", "webm", "vp9"),
        ("webm", "webm", "av1"),
        ("mp4", "mp4", "h264"),
        ("mp4", "mp4", "av1"),
        ("mpegts", "ts", "h264"),
    ],
)
def test_film_of_two_sizes_is_converted_to_one(
    tmp_path: Path, limits: MediaLimits, muxer: str, source: SourceFormat, codec: str
) -> None:
    film = joined(tmp_path / "film", muxer, codec, [SMALL, LARGE])
    target, targets = tmp_path / "target", [TRAITS[source].container]
    assert not measure(film, source, limits).is_steady
    if TRAITS[source].is_native:
        prepared = prepare(film, target, source)
        assert (prepared.way, prepared.reason) == ("converted", "pictures of several sizes")

    made = transcode(film, source, target, targets, 0.8, 1 << 20, lambda _: None, anew=True)
    measured = measure(target, made, limits)
    assert measured.is_steady
    assert (measured.probe.width, measured.probe.height) == SMALL
    assert measured.probe.duration_s == pytest.approx(2 * PICTURES / RATE, abs=0.05)
    with av.open(str(target)) as media:
        assert {(one.width, one.height) for one in media.decode(video=0)} == {SMALL}


@pytest.mark.parametrize(
    ("muxer", "source", "codec"), [("webm", "webm", "vp9"), ("mp4", "mp4", "h264")]
)
def test_film_of_one_size_is_copied(
    tmp_path: Path, muxer: str, source: SourceFormat, codec: str
) -> None:
    film = joined(tmp_path / "film", muxer, codec, [SMALL, SMALL])
    assert prepare(film, tmp_path / "target", source).way != "converted"


def test_other_codecs_are_refused() -> None:
    with pytest.raises(ValueError, match="mpeg4"):
        CodedSizes("mpeg4", b"").add(b"\0")
