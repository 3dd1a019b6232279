"""The adaptive ladder as clients see it: media types of files, sizes of the lesson. Pure."""

from db.media.rungs import RungRow
from db.videos.video import Video
from handlers.messages import LessonSize
from storage.paths import asset_hash

RUNG_TYPES = {"mp4": "video/mp4", "m4a": "audio/mp4"}
PLAYLIST_TYPES = {"m3u8": "application/vnd.apple.mpegurl", "mpd": "application/dash+xml"}
_EVERYWHERE = "avc1"


def rung_type(extension: str, codecs: str) -> str:
    """The media type of a rung's file, with RFC 6381 codecs."""
    return f'{RUNG_TYPES[extension]}; codecs="{codecs}"'


def granted_rungs(video: Video) -> dict[str, tuple[int, str]]:
    """Length and codecs of the rungs' files, by the hash digits of their names."""
    if video.hls_file_name is None:
        return {}
    return {
        asset_hash(file.name): (file.size_bytes, file.codecs)
        for row in video.rungs
        if (file := row.file) is not None
    }


def lesson_sizes(video: Video) -> list[LessonSize]:
    """Bytes of the whole lesson by height, the largest first, then for listening only.

    Each height counts once, in the codec that every client plays.
    """
    if video.hls_file_name is None:
        return []
    ready = [row for row in video.rungs if row.state == "ready"]
    sounds = [_size(row) for row in ready if row.kind == "sound"]
    sound_bytes = sounds[0] if sounds else 0
    pictures: dict[int | None, int] = {}
    for row in sorted(ready, key=lambda row: not (row.codecs or "").startswith(_EVERYWHERE)):
        if row.kind == "video":
            pictures.setdefault(row.height, _size(row) + sound_bytes)
    heights = sorted(pictures, key=lambda height: -(height or 0))
    sizes = [LessonSize(height, pictures[height]) for height in heights]
    return [*sizes, *([LessonSize(None, sound_bytes)] if sounds else [])]


def _size(row: RungRow) -> int:
    return row.size_bytes or 0
