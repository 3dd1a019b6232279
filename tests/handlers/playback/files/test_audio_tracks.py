"""The sounds of a video, as the file that is served tells them."""

import asyncio
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from events.media import pipeline
from handlers import keys
from storage.playlists.shown_text import known_language
from tests.storage.ladder.films import MANY_PIXELS, Film, Sounds

SECOND = tuple(Fraction(number, 25) for number in range(25))
LECTURE = Sounds(stop=Fraction(1), language="deu", title="Vortrag")
INTERPRETER = Sounds(stop=Fraction(1), language="eng")
GERMAN = {"language": "de", "title": "Vortrag", "default": True}
ENGLISH = {"language": "en", "title": None, "default": False}


async def film(directory: Path, *sounds: Sounds) -> Path:
    return await asyncio.to_thread(Film(times=SECOND, sounds=sounds).write, directory / "film.mp4")


async def as_matroska(source: Path, *marks: str) -> Path:
    """The same packets; the title of the first sound is a word of its own there."""
    target = source.with_suffix(".mkv")
    named = ("-metadata:s:a:0", f"title={LECTURE.title}", *marks)
    command = ["ffmpeg", "-v", "error", "-i", source, "-map", "0", "-c", "copy", *named, target]
    await asyncio.to_thread(subprocess.run, command, check=True)
    return target


async def tracks_of(service: Any, path: Path) -> tuple[Any, Any]:
    video = await service.ready_video(path)
    return video, video["audio_tracks"]


@pytest.mark.parametrize("is_matroska", [False, True], ids=["mp4", "matroska"])
async def test_each_sound_is_told_and_the_ladder_has_the_same(
    service: Any, tmp_path: Path, is_matroska: bool
) -> None:
    path = await film(tmp_path, LECTURE, INTERPRETER)
    if is_matroska:
        path = await as_matroska(path)
    video, tracks = await tracks_of(service, path)
    assert tracks == [GERMAN, ENGLISH]

    directory = service.app[keys.STORAGE].video_dir("c1", UUID(video["id"]))
    (served,) = directory.glob("source-*")
    plan = await service.app[keys.SANDBOX].plan_ladder(
        served, video["container"], (24,), max_pixels=MANY_PIXELS, av1=False
    )
    planned = [
        {
            "language": known_language(one.language),
            "title": one.title or None,
            "default": one.is_default,
        }
        for one in plan.sounds
    ]
    assert planned == tracks


async def test_the_sound_that_is_heard_is_the_default(service: Any, tmp_path: Path) -> None:
    first = await film(tmp_path, LECTURE, INTERPRETER)
    second = await as_matroska(first, "-disposition:a:0", "0", "-disposition:a:1", "default")

    _, tracks = await tracks_of(service, second)

    assert tracks == [ENGLISH | {"default": True}, GERMAN | {"default": False}]


@pytest.mark.parametrize(
    ("sounds", "expected"),
    [
        pytest.param((), [], id="silent"),
        pytest.param(
            (Sounds(stop=Fraction(1)),),
            [{"language": None, "title": None, "default": True}],
            id="nothing-told",
        ),
        pytest.param(
            (Sounds(stop=Fraction(1), language="zxx", title="a\nb\x07  " + "x" * 300),),
            [{"language": "zxx", "title": "a b " + "x" * 196, "default": True}],
            id="any-text",
        ),
    ],
)
async def test_what_is_not_told_is_null_and_text_is_cleaned(
    service: Any, tmp_path: Path, sounds: tuple[Sounds, ...], expected: list[Any]
) -> None:
    _, tracks = await tracks_of(service, await film(tmp_path, *sounds))

    assert tracks == expected


async def test_the_sounds_of_older_videos_are_looked_at_in_the_background(
    service: Any, tmp_path: Path
) -> None:
    video, tracks = await tracks_of(service, await film(tmp_path, LECTURE, INTERPRETER))
    database = service.app[keys.DATABASE]
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET audio_tracks = NULL")
        await transaction.execute("DELETE FROM procrastinate_jobs")
    service.app[keys.CATALOG].forget_all()
    path = f"videos/{video['id']}"
    unknown = [{"language": None, "title": None, "default": True}]
    assert (await service.ask("ada", "GET", path)).json["audio_tracks"] == unknown

    await pipeline.enqueue_missing_pictures(database)
    assert await database.fetch_all("SELECT lock FROM procrastinate_jobs") == [(video["id"],)]
    await service.process(video["id"])
    service.app[keys.CATALOG].forget_all()

    assert (await service.ask("ada", "GET", path)).json["audio_tracks"] == tracks
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM procrastinate_jobs")
    await pipeline.enqueue_missing_pictures(database)
    assert await database.fetch_all("SELECT lock FROM procrastinate_jobs") == []
