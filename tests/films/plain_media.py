"""Plain files where FFmpeg would write media: its part in tests of what is done with the result."""

import asyncio
import hashlib
import struct
from pathlib import Path
from typing import Self

import msgspec

from storage.conversion.transcode_limits import WorkLimits
from storage.formats import TRAITS, Container, SourceFormat
from storage.media.facts import (
    END_SIDE_PX,
    EndPictures,
    Measured,
    MediaLimits,
    Picture,
    PictureKind,
    Prepared,
    Probe,
    Sheet,
    Storyboard,
    TranscodeTask,
    sheet_file,
)
from storage.sandbox.child_process import OnProgress


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


TYPE = box(b"ftyp", b"isom\0\0\2\0isom")
INDEX_FIRST = TYPE + box(b"moov") + box(b"mdat", b"pictures and sound")
INDEX_LAST = TYPE + box(b"mdat", b"pictures and sound") + box(b"moov")
CONVERTED = Probe(
    container="mp4",
    duration_s=29.96,
    width=1280,
    height=720,
    frame_rate=30.0,
    rotation=0,
    video_codec="h264",
    audio_codec="aac",
    mime_type='video/mp4; codecs="avc1.640028, mp4a.40.2"',
    streams=2,
    is_playable_in_browsers=True,
)


IN_ORDER = msgspec.structs.replace(
    CONVERTED,
    duration_s=30.0,
    width=640,
    height=360,
    frame_rate=25.0,
    audio_codec=None,
    mime_type='video/mp4; codecs="avc1.64001F"',
)


class PlainMedia:
    """As `Sandbox`; `made` is the format that is chosen where there are several."""

    made: Container = "mp4"
    converted_level = 0
    """Grey level of the pictures of what is converted; those of uploads are black."""

    def for_owner(self, owner: str) -> Self:
        return self

    async def begin(self, name: str) -> None:
        """Before each function; whatever this raises is its failure."""
        raise NotImplementedError

    async def remux(self, source: Path, target: Path, container: SourceFormat) -> Prepared:
        content = await read(source)
        measured = Measured(
            msgspec.structs.replace(IN_ORDER, container=TRAITS[container].container), []
        )
        if container == "mp4" and content == INDEX_FIRST:
            return Prepared("as-is", "", measured, measured)
        await self.begin("remux")
        await asyncio.to_thread(target.write_bytes, b"remuxed " + content)
        return Prepared("rebuilt", "", measured, measured)

    async def measure(self, path: Path, source: SourceFormat, limits: MediaLimits) -> Measured:
        return Measured(await self.probe(path, source, limits), [])

    async def draw_ends(self, path: Path, source: SourceFormat) -> EndPictures:
        is_converted = (await read(path)).startswith(b"converted")
        return EndPictures(bytes([self.converted_level * is_converted]) * END_SIDE_PX**2)

    async def transcode(
        self, task: TranscodeTask, budget: WorkLimits, on_progress: OnProgress
    ) -> Container:
        on_progress(0.5)
        await self.begin(f"transcode to {'/'.join(task.targets)}")
        content = await read(task.path)
        await asyncio.to_thread(task.target.write_bytes, b"converted " + content)
        return task.targets[-1] if len(task.targets) == 1 else self.made

    async def probe(self, path: Path, source: SourceFormat, limits: MediaLimits) -> Probe:
        await self.begin("probe")
        found = CONVERTED if (await read(path)).startswith(b"converted") else IN_ORDER
        return msgspec.structs.replace(found, container=TRAITS[source].container)

    async def thumbnails(
        self,
        path: Path,
        container: str,
        sizes: list[tuple[str, int]],
        quality: int,
        out_dir: Path,
        kinds: list[PictureKind],
        at_s: float | None = None,
    ) -> list[Picture]:
        await self.begin("thumbnails" if kinds == ["jpg"] else "+".join(kinds))
        return await self._pictures("" if at_s is None else f" at {at_s}", sizes, out_dir, kinds)

    async def custom_thumbnails(
        self,
        path: Path,
        max_pixels: int,
        sizes: list[tuple[str, int]],
        quality: int,
        out_dir: Path,
        kinds: list[PictureKind],
    ) -> list[Picture]:
        await self.begin("custom")
        return await self._pictures(f" of {path.name}", sizes, out_dir, kinds)

    async def _pictures(
        self,
        of: str,
        sizes: list[tuple[str, int]],
        out_dir: Path,
        kinds: list[PictureKind],
    ) -> list[Picture]:
        return [
            await self._picture(name, width_px, kind, out_dir / f"{name}.{kind}", of)
            for kind in kinds
            for name, width_px in sizes
        ]

    async def storyboard(
        self, path: Path, container: str, quality: int, out_dir: Path
    ) -> Storyboard:
        await self.begin("storyboard")
        content = b"tiles"
        file = sheet_file(out_dir, 0)
        await asyncio.to_thread(file.write_bytes, content)
        return Storyboard(160, 90, [0.0, 10.0], [Sheet(file, len(content), sha256(content))])

    async def _picture(
        self, name: str, width_px: int, kind: PictureKind, file: Path, of: str
    ) -> Picture:
        content = f"picture {name} {kind}{of}".encode()
        await asyncio.to_thread(file.write_bytes, content)
        return Picture(
            name=name,
            file=file,
            extension=kind,
            width_px=width_px,
            height_px=width_px // 2,
            size_bytes=len(content),
            sha256=sha256(content),
        )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def read(path: Path) -> bytes:
    return await asyncio.to_thread(path.read_bytes)
