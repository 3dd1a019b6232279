"""A small film as it is published: rungs, two sounds, captions, and every playlist of them."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from storage.fragments.assembly import assemble, read_assembled
from storage.media.codec_strings import VideoFacts, video_codec_string
from storage.playlists.dash import manifest
from storage.playlists.hls_master import master_playlist
from storage.playlists.hls_media import iframe_playlist, media_playlist, text_playlist
from storage.playlists.renditions import (
    Presentation,
    SoundRendition,
    TextRendition,
    VideoRendition,
)
from tests.storage.rungs import RATE, Rung, segment_starts, starts, write_captions, write_sound

RUNGS = (
    Rung("v96", (128, 96)),
    Rung("v48", (64, 48)),
    Rung("a96", (128, 96), "libsvtav1"),
)
MASTER, MANIFEST = "hls.m3u8", "dash.mpd"
TITLE = 'Dr. "Bob" & <Alice>\n{$x}'


@dataclass(frozen=True)
class Published:
    directory: Path

    @property
    def media(self) -> list[str]:
        return [f"{rung.name}.mp4" for rung in RUNGS] + ["audio1.m4a", "audio2.m4a"]

    @property
    def playlists(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("*.m3u8"))


def publish(directory: Path) -> None:
    film = Presentation(
        videos=tuple(_video(directory, rung) for rung in RUNGS),
        sounds=(
            _sound(directory, "audio1", "en", TITLE),
            _sound(directory, "audio2", "de", None, tone_hz=880),
        ),
        texts=(TextRendition("captions_en", "captions_en.vtt", "en", "English"),),
    )
    write_captions(directory / "captions_en.vtt")
    playlists = {one.name: f"{one.name}.m3u8" for one in (*film.media, *film.texts)}
    for one in film.media:
        text = media_playlist(one.file_name, one.fragmented)
        (directory / playlists[one.name]).write_text(text)
    for caption in film.texts:
        text = text_playlist(caption.file_name, film.duration_s)
        (directory / playlists[caption.name]).write_text(text)
    iframes = {one.name: f"iframes-{one.name}.m3u8" for one in film.videos}
    for video in film.videos:
        text = iframe_playlist(video.file_name, video.fragmented)
        (directory / iframes[video.name]).write_text(text)
    (directory / MASTER).write_text(master_playlist(film, playlists, iframes))
    (directory / MANIFEST).write_text(manifest(film))


def _video(directory: Path, rung: Rung) -> VideoRendition:
    pieces = rung.write_pieces(directory)
    with av.open(str(pieces[0])) as container:
        stream = container.streams.video[0]
        timescale = stream.time_base.denominator
        extradata = bytes(stream.codec_context.extradata or b"")
        codec = stream.codec.canonical_name
    path = directory / f"{rung.name}.mp4"
    assemble(pieces, starts(timescale), path, segment_starts(timescale))
    for piece in pieces:
        piece.unlink()
    facts = VideoFacts(codec, extradata, None, 8, "yuv420p", *rung.size, frame_rate=RATE)
    return VideoRendition(
        rung.name,
        path.name,
        *rung.size,
        Fraction(RATE),
        video_codec_string(facts),
        read_assembled(path),
    )


def _sound(
    directory: Path, name: str, language: str, title: str | None, tone_hz: int = 440
) -> SoundRendition:
    path = directory / f"{name}.m4a"
    piece = write_sound(directory / f"{name}-0.mp4", tone_hz)
    file = assemble([piece], [0], path)
    piece.unlink()
    return SoundRendition(
        name,
        path.name,
        "mp4a.40.2",
        1,
        language,
        title,
        is_default=name == "audio1",
        fragmented=file,
    )
