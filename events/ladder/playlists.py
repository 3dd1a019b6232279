"""Playlists of a ladder as files named by their content: each names the ones before it.

Pure but for reading the indexes of the rungs and writing the texts; blocks.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from db.media.rungs import FileKind, LadderFile, MadeRung
from events.ladder.rung_rows import RungDetails, details_of, frame_rate_of
from storage.errors import wrap_os_errors
from storage.fragments.fragmented_file import FragmentedFile
from storage.paths import asset_name
from storage.playlists.dash import manifest
from storage.playlists.hls_master import master_playlist
from storage.playlists.hls_media import iframe_playlist, media_playlist, text_playlist
from storage.playlists.renditions import (
    Presentation,
    SoundRendition,
    TextRendition,
    VideoRendition,
)

_NOT_OF_A_NAME = re.compile(r"[^a-z0-9]")
_MOST_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class ListedRung:
    """A rung and the index of its file."""

    made: MadeRung
    fragmented: FragmentedFile


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A finished file under a temporary name, and its row."""

    path: Path
    row: LadderFile


def write_playlists(
    rungs: Sequence[ListedRung], captions: Sequence[tuple[str, str]], directory: Path
) -> list[NamedFile]:
    """Writes captions (language and WebVTT) and playlists; what names others comes after them."""
    files = _WrittenTexts(directory)
    texts = tuple(_write_captions(files, *one) for one in captions)
    shown = Presentation(tuple(_videos(rungs)), tuple(_sounds(rungs)), texts)
    playlists = {
        one.name: files.write(
            one.name, "m3u8", "playlist", media_playlist(one.file_name, one.fragmented)
        )
        for one in shown.media
    }
    playlists |= {
        one.name: files.write(
            one.name, "m3u8", "playlist", text_playlist(one.file_name, shown.duration_s)
        )
        for one in texts
    }
    iframes = {
        one.name: files.write(
            f"iframes_{one.name}",
            "m3u8",
            "playlist",
            iframe_playlist(one.file_name, one.fragmented),
        )
        for one in shown.videos
    }
    files.write("dash", "mpd", "dash", manifest(shown))
    files.write("hls", "m3u8", "hls", master_playlist(shown, playlists, iframes))
    return files.written


class _WrittenTexts:
    """Texts written to a directory, in order."""

    def __init__(self, directory: Path) -> None:
        self.written: list[NamedFile] = []
        self._directory = directory

    def write(self, stem: str, extension: str, kind: FileKind, text: str) -> str:
        """Returns the name under which the text is to be published."""
        content = text.encode()
        digest = sha256(content).hexdigest()
        name = asset_name(stem, digest, extension)
        path = self._directory / name
        with wrap_os_errors():
            path.write_bytes(content)
        self.written.append(NamedFile(path, LadderFile(name, kind, len(content), digest)))
        return name


def _write_captions(files: _WrittenTexts, language: str, content: str) -> TextRendition:
    name = f"captions_{_NOT_OF_A_NAME.sub('_', language.lower())}"
    file_name = files.write(name[:_MOST_NAME_CHARS], "vtt", "captions", content)
    return TextRendition(name[:_MOST_NAME_CHARS], file_name, language, None)


def _videos(rungs: Sequence[ListedRung]) -> Iterator[VideoRendition]:
    for one in rungs:
        details = details_of(one.made)
        if details.video is not None:
            yield _video(one, details)


def _video(one: ListedRung, details: RungDetails) -> VideoRendition:
    assert details.video is not None
    file = one.made.file
    return VideoRendition(
        one.made.row.name,
        file.name,
        details.video.width,
        details.video.height,
        frame_rate_of(details),
        file.codecs,
        one.fragmented,
    )


def _sounds(rungs: Sequence[ListedRung]) -> Iterator[SoundRendition]:
    for one in rungs:
        sound, file = details_of(one.made).sound, one.made.file
        if sound is None:
            continue
        yield SoundRendition(
            one.made.row.name,
            file.name,
            file.codecs,
            sound.channels,
            sound.language or None,
            sound.title or None,
            sound.is_default,
            one.fragmented,
        )
