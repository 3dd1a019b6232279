"""Files that make up a lesson of one height: the choice of what is kept offline. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from db.media.assets import ThumbnailRow
from db.media.rungs import LadderFile, RungRow
from db.videos.video import Video
from handlers.playback.ladders import PLAYLIST_TYPES, rung_type
from storage.media.facts import PICTURE_TYPES

_EVERYWHERE = "avc1"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A published file: its name, length and media type."""

    name: str
    size_bytes: int
    media_type: str


def choose_media(
    video: Video, playlists: Sequence[LadderFile], height: int | None
) -> list[KeptFile]:
    """The rung of the height, or else the next lower or the lowest, its sound, their playlists.

    Without a ladder it is the served file. `height` None is sound alone; empty where none exists.
    """
    ready = [row for row in video.rungs if row.state == "ready"] if video.hls_file_name else []
    sounds = [row for row in ready if row.kind == "sound"][:1]
    pictures = [row for row in ready if row.kind == "video"]
    if height is None:
        return _with_playlists(sounds, playlists)
    if pictures:
        return _with_playlists([_nearest(pictures, height), *sounds], playlists)
    served = video.primary
    return [KeptFile(served.file_name, served.size_bytes, served.mime_type)] if served else []


def choose_poster(thumbnails: Iterable[ThumbnailRow]) -> KeptFile | None:
    """The largest JPEG."""
    pictures = [row for row in thumbnails if row.mime_type == PICTURE_TYPES["jpg"]]
    row = max(pictures, key=lambda one: one.width_px, default=None)
    return KeptFile(row.file_name, row.size_bytes, row.mime_type) if row else None


def _nearest(pictures: list[RungRow], height: int) -> RungRow:
    """The next lower picture, or the lowest; of two codecs the one that every client plays."""
    everywhere = [row for row in pictures if (row.codecs or "").startswith(_EVERYWHERE)]
    ordered = sorted(everywhere or pictures, key=lambda row: row.height or 0)
    lower = [row for row in ordered if (row.height or 0) <= height]
    return lower[-1] if lower else ordered[0]


def _with_playlists(rows: Sequence[RungRow], playlists: Sequence[LadderFile]) -> list[KeptFile]:
    found = []
    for name, file in [(row.name, row.file) for row in rows if row.file is not None]:
        media_type = rung_type(file.name.rpartition(".")[2], file.codecs)
        found.append(KeptFile(file.name, file.size_bytes, media_type))
        found += [
            KeptFile(one.file_name, one.size_bytes, PLAYLIST_TYPES["m3u8"])
            for one in playlists
            if one.file_name.startswith(f"{name}-")
        ]
    return found
