"""A ladder that workers made, taken along: the files of a licence, and what plays of them alone."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import m3u8

from handlers import keys
from storage.hashes import PIECE_BYTES
from storage.samples import write_clock_mp4
from tests.events.ladder.studio import Studio

SECONDS = 4


async def lesson_with_ladder(service: Any, tmp_path: Path) -> Any:
    film = tmp_path / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, SECONDS, (320, 180))
    video = await service.ready_video(film)
    studio = Studio(service.app[keys.DATABASE], service.app[keys.STORAGE], film)
    await studio.forget_jobs()
    await studio.ladders.begin(UUID(video["id"]))
    assert "finish_ladder" in await studio.run_jobs()
    service.app[keys.CATALOG].forget(UUID(video["id"]))
    return (await service.ask("ada", "GET", f"videos/{video['id']}")).json


async def taken_along(service: Any, video: Any, height: int | None) -> dict[str, bytes]:
    """The files of a licence by their names, each piece of which has its hash."""
    path = f"videos/{video['id']}/offline"
    told = await service.ask("ada", "POST", path, {"height": height})
    assert told.said == "201", told.body
    kept = {}
    for file in told.json["files"]:
        content = (await service.ask(None, "GET", file["url"])).body
        starts = range(0, len(content), PIECE_BYTES)
        pieces = [hashlib.sha256(content[at : at + PIECE_BYTES]).hexdigest() for at in starts]
        assert (len(content), pieces) == (file["size"], file["pieces"])
        kept[file["url"].rpartition("/")[2]] = content
    return kept


def named_in(kept: dict[str, bytes]) -> dict[str, set[str]]:
    """The files that each playlist names."""
    found = {}
    for name, content in kept.items():
        if name.endswith(".m3u8"):
            parsed = m3u8.loads(content.decode())
            maps = {one.init_section.uri for one in parsed.segments if one.init_section}
            found[name] = {one.uri for one in parsed.segments} | maps
    return found


async def test_a_licence_holds_all_that_a_height_of_a_real_ladder_takes(
    service: Any, tmp_path: Path
) -> None:
    video = await lesson_with_ladder(service, tmp_path)
    (lowest, *_) = sorted(one["height"] for one in video["renditions"])

    kept = await taken_along(service, video, lowest)

    named = named_in(kept)
    assert len(named) == 2, "pictures and sound"
    assert {*kept} >= set().union(*named.values())
    lengths = {}
    for name in set().union(*named.values()):
        file = tmp_path / name
        await asyncio.to_thread(file.write_bytes, kept[name])
        kind, length_s = await asyncio.to_thread(_decoded, file)
        lengths[kind] = length_s
    assert {*lengths} == {"video", "audio"}
    assert all(abs(one - SECONDS) < 0.2 for one in lengths.values())


async def test_sound_alone_of_a_real_ladder_is_one_track(service: Any, tmp_path: Path) -> None:
    video = await lesson_with_ladder(service, tmp_path)

    kept = await taken_along(service, video, None)

    (named,) = named_in(kept).values()
    assert {one.rpartition(".")[2] for one in named} == {"m4a"}
    assert {*kept} >= named
    assert not any(one.endswith(".mp4") for one in kept)


def _decoded(file: Path) -> tuple[str, float]:
    """The kind of the only track, and its length by all of its decoded frames."""
    with av.open(str(file)) as media:
        (stream,) = media.streams
        last = list(media.decode(stream))[-1]
        assert last.time is not None
        return stream.type, float(last.time)
