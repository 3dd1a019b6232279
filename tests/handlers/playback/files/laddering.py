"""Ladders published as a worker publishes them, of files that a test makes up."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from db.media import ladders, rungs
from db.media.rungs import FileKind, LadderFile, MadeRung, RungRow
from handlers import keys
from storage.paths import asset_name
from storage.videos import adopt_asset

RUNGS = {
    "v720": RungRow("v720", "video", "ready", height=720, width=1280, codecs="avc1.64001F"),
    "v240": RungRow("v240", "video", "ready", height=240, width=426, codecs="avc1.640015"),
    "audio": RungRow("audio", "sound", "ready", codecs="mp4a.40.2"),
}
MASTERS: dict[str, FileKind] = {"hls": "hls", "dash": "dash"}
TEXTS: dict[str, FileKind] = {"vtt": "captions", "m3u8": "playlist"}


async def publish_ladder(
    service: Any, video: Any, directory: Path, contents: Mapping[str, bytes]
) -> dict[str, str]:
    """Publishes files, `v720.mp4` and the like, in place of those of before; returns their names
    by those given."""
    files = {
        name: await _place(service, video, directory, name, contents[name]) for name in contents
    }
    made = [_made(name, file) for name, file in files.items() if file.kind == "rung"]
    app, video_id = service.app, UUID(video["id"])
    async with app[keys.DATABASE].transaction() as transaction:
        await ladders.begin(transaction, video_id, "auto", video["sha256"])
        await rungs.publish(transaction, video_id, made, list(files.values()))
        await ladders.set_ready(transaction, video_id)
    app[keys.CATALOG].forget(video_id)
    return {name: file.file_name for name, file in files.items()}


def _made(name: str, file: LadderFile) -> MadeRung:
    planned = RUNGS[name.partition(".")[0]]
    row = replace(planned, bitrate=1000, file_name=file.file_name, size_bytes=file.size_bytes)
    return MadeRung(row, "null")


async def _place(
    service: Any, video: Any, directory: Path, name: str, content: bytes
) -> LadderFile:
    stem, extension = name.split(".")
    sha256 = hashlib.sha256(content).hexdigest()
    asset, temp = asset_name(stem, sha256, extension), directory / name
    await asyncio.to_thread(temp.write_bytes, content)
    storage, video_id = service.app[keys.STORAGE], UUID(video["id"])
    await asyncio.to_thread(adopt_asset, storage, temp, video["course_id"], video_id, asset)
    return LadderFile(asset, _kind(stem, extension), len(content), sha256)


def _kind(stem: str, extension: str) -> FileKind:
    return MASTERS.get(stem) or TEXTS.get(extension, "rung")
