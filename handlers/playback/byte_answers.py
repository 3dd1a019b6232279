"""Descriptions of answers that carry the bytes of files."""

from collections.abc import Mapping
from typing import Any

from handlers.errors import PreconditionFailed, RangeNotSatisfiable, RateLimited
from handlers.openapi.descriptions import BYTES, CUES, TEXT, VALIDATORS, Answer
from handlers.playback.ladders import PLAYLIST_TYPES

SERVED = (PreconditionFailed, RangeNotSatisfiable, RateLimited)
VIDEO_BYTES = {"video/mp4": BYTES, "video/webm": BYTES}
RUNG_BYTES = {"audio/mp4": BYTES}
PICTURE_BYTES = {"image/jpeg": BYTES, "image/webp": BYTES, "image/avif": BYTES}
# Of every asset of a playback.
ASSET_BYTES = (
    VIDEO_BYTES | RUNG_BYTES | PICTURE_BYTES | CUES | dict.fromkeys(PLAYLIST_TYPES.values(), TEXT)
)


def bytes_answers(content: Mapping[str, Any], *, varies: bool) -> tuple[Answer, ...]:
    headers = (*VALIDATORS, *(("Vary",) if varies else ()))
    ranged = ("Accept-Ranges", "Content-Length", *headers)
    several = {**content, "multipart/byteranges": BYTES}
    return (
        Answer(200, "The whole file.", content, ranged),
        Answer(206, "The ranges asked for.", several, ("Content-Range", *ranged)),
        Answer(304, "As the client has it.", headers=headers),
    )
