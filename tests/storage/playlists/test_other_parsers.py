"""Parsers and packagers of others take every playlist and file, and read what was meant."""

import json
import platform
import subprocess
from itertools import accumulate
from pathlib import Path
from typing import Any

import m3u8
import pytest
from mpegdash.parser import MPEGDASHParser

from storage.fragments.assembly import read_assembled
from tests.programs.npm import installed
from tests.programs.registries import fetched
from tests.storage.playlists.published import MANIFEST, MASTER, RUNGS, Published
from tests.storage.rungs import PICTURES, RATE, SEGMENT

HERE = Path(__file__).with_name("readers")
SECONDS = PICTURES / RATE
MEDIA_PLAYLISTS = ["v96.m3u8", "v48.m3u8", "a96.m3u8", "audio1.m3u8", "audio2.m3u8"]
LABEL = "Dr. \u201dBob\u201d & <Alice> { $x}"


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("readers")
    return installed(directory, "hls-parser@0.16.1", "mp4box@2.4.1")


@pytest.fixture(scope="session")
def packager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shaka Packager."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    package = fetched("npm", "shaka-packager@3.4.2", tmp_path_factory.mktemp("packager") / "npm")
    program = package / "package" / "bin" / f"packager-linux-{machine}"
    program.chmod(0o755)
    return program


def read_by_node(script: str, modules: Path, published: Published, names: list[str]) -> list[Any]:
    files = [str(published.directory / name) for name in names]
    command = ["node", str(HERE / script), str(modules), *files]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return list(json.loads(done.stdout))


def load(published: Published, name: str) -> Any:
    return m3u8.load(str(published.directory / name))


def test_m3u8_reads_the_master_playlist(published: Published) -> None:
    master = load(published, MASTER)

    assert [one.uri for one in master.playlists] == [
        *("v96.m3u8", "v48.m3u8", "a96.m3u8", "audio1.m3u8")
    ]
    first = master.playlists[0].stream_info
    assert (first.resolution, first.frame_rate) == ((128, 96), 10.0)
    assert first.codecs == "avc1.64000A,mp4a.40.2"
    assert [(one.type, one.language, one.name, one.default) for one in master.media] == [
        ("AUDIO", "en", LABEL, "YES"),
        ("AUDIO", "de", "de", "NO"),
        ("SUBTITLES", "en", "English", "NO"),
    ]
    assert len(master.iframe_playlists) == len(RUNGS)
    assert master.is_independent_segments


@pytest.mark.parametrize("name", MEDIA_PLAYLISTS)
def test_m3u8_finds_every_byte_of_a_file_in_its_segments(published: Published, name: str) -> None:
    playlist = load(published, name)
    (head,) = playlist.segment_map
    file = published.directory / head.uri

    ranges = [tuple(map(int, one.byterange.split("@"))) for one in playlist.segments]
    stops = [offset + size for size, offset in ranges]
    assert [offset for _, offset in ranges[1:]] == stops[:-1]
    assert stops[-1] == file.stat().st_size
    assert head.byterange == f"{read_assembled(file).initialization_size}@0"
    assert sum(one.duration for one in playlist.segments) == pytest.approx(SECONDS, abs=1e-5)
    assert all(round(one.duration) <= playlist.target_duration for one in playlist.segments)


def test_segments_begin_at_the_same_instants_in_all_rungs(published: Published) -> None:
    starts = [
        list(accumulate(one.duration for one in load(published, f"{rung.name}.m3u8").segments))
        for rung in RUNGS
    ]

    assert starts == [[2.0, 4.0, 6.0, 8.0, 10.0]] * len(RUNGS)


def test_hls_parser_takes_every_playlist_in_its_strict_mode(
    published: Published, modules: Path
) -> None:
    names = published.playlists

    found = read_by_node("hls_parser.cjs", modules, published, names)

    parsed = dict(zip(names, found, strict=True))
    assert len(parsed) == 1 + len(MEDIA_PLAYLISTS) + len(RUNGS) + 1
    assert [one["uri"] for one in parsed[MASTER]["variants"] if not one["isIFrameOnly"]] == [
        *("v96.m3u8", "v48.m3u8", "a96.m3u8", "audio1.m3u8")
    ]
    assert parsed[MASTER]["variants"][0]["audio"][0]["name"] == LABEL
    assert [one["duration"] for one in parsed["v48.m3u8"]["segments"]] == [2.0] * 5
    assert parsed["iframes-v48.m3u8"]["isIFrame"]
    assert parsed["captions_en.m3u8"]["segments"][0]["uri"] == "captions_en.vtt"


def test_mpegdash_reads_the_manifest(published: Published) -> None:
    document = MPEGDASHParser.parse(str(published.directory / MANIFEST))

    (period,) = document.periods
    found = [
        (one.content_type, one.lang, [each.id for each in one.representations])
        for one in period.adaptation_sets
    ]
    assert found == [
        ("video", None, ["v96", "v48"]),
        ("video", None, ["a96"]),
        ("audio", "en", ["audio1"]),
        ("audio", "de", ["audio2"]),
        ("text", "en", ["captions_en"]),
    ]
    video = period.adaptation_sets[0].representations[0]
    first, last = map(int, video.segment_bases[0].index_range.split("-"))
    content = (published.directory / "v96.mp4").read_bytes()
    assert content[first : last + 1][4:8] == b"sidx"
    assert content[last + 1 :][4:8] == b"moof"


@pytest.mark.parametrize("number", range(len(RUNGS)))
def test_mp4box_reads_the_index_and_every_sample(
    published: Published, modules: Path, number: int
) -> None:
    name = published.media[number]
    file = read_assembled(published.directory / name)

    (found,) = read_by_node("mp4box.cjs", modules, published, [name])

    assert found["kinds"] == ["ftyp", "moov", "sidx", *["moof", "mdat"] * (PICTURES // SEGMENT)]
    expected = [[one.size, one.duration, 1, 1] for one in file.fragments]
    assert found["index"]["references"] == expected
    delay = found["edits"][0]["media_time"] if found["edits"] else 0
    ticks = file.timescale // RATE
    assert sorted(cts - delay for _, cts, _, _ in found["times"]) == [
        ticks * one for one in range(PICTURES)
    ]
    assert [dts for dts, _, _, _ in found["times"]] == [ticks * one for one in range(PICTURES)]
    keyframes = [place for place, one in enumerate(found["times"]) if one[2]]
    assert keyframes == list(range(0, PICTURES, SEGMENT))


def test_shaka_packager_packages_the_files_anew(
    published: Published, packager: Path, tmp_path: Path
) -> None:
    kinds = ["video"] * len(RUNGS) + ["audio"] * 2
    streams = [
        f"in={published.directory / name},stream={kind},output={tmp_path / name}"
        for name, kind in zip(published.media, kinds, strict=True)
    ]
    manifest = tmp_path / "packaged.mpd"

    command = [str(packager), *streams, "--segment_duration", "2", "--mpd_output", str(manifest)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    found = MPEGDASHParser.parse(str(manifest))
    assert found.media_presentation_duration == f"PT{SECONDS:.0f}S"
    assert sum(len(one.representations) for one in found.periods[0].adaptation_sets) == 5
