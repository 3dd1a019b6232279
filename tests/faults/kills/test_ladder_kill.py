"""SIGKILL between every two steps of making a ladder; then another worker goes on with it.

Whatever the step, all rungs are there in the end, what was made is not made again but for the one
piece, and no file and no row is left over.
"""

import asyncio
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from db.media import ladders, rungs
from events.ladder import start
from events.ladder.options import LadderOptions
from events.upkeep import ladder_sweep
from storage.samples import write_clock_mp4
from tests.faults.kills.killing import Place
from tests.faults.kills.ladder_media import noted_work
from tests.films.plain_media import INDEX_FIRST

# One is copied, the other coded in pieces.
HEIGHTS = (180, 96)
OPTIONS = LadderOptions(HEIGHTS)
# Jobs that were waiting when a victim was killed must not be the next victim's.
SET_ASIDE = "UPDATE procrastinate_jobs SET queue_name = 'aside' WHERE status = 'todo'"
TAKE_UP = "UPDATE procrastinate_jobs SET queue_name = 'media' WHERE queue_name = 'aside'"

SUPERSEDE = "UPDATE ladder_files SET superseded_at = now() - interval '1 day'"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two pieces; beside it everything that is made of it."""
    path = tmp_path_factory.mktemp("ladder") / "film.mp4"
    write_clock_mp4(path, 6, (320, 180))
    return path


async def _ready(place: Place) -> UUID:
    """A video whose ladder is wanted."""
    await _change(place, SET_ASIDE)
    video_id = await place.upload(INDEX_FIRST)
    await place.order("job")
    await start.begin(place.database, video_id, OPTIONS)
    return video_id


async def test_killed_ladder_is_finished_by_another_worker(place: Place, film: Path) -> None:
    given = {"film": str(film), "heights": HEIGHTS}
    await _ready(place)
    await place.order("job", **given)  # what is slow is made once
    killed = await place.killed_jobs(lambda: _ready(place), is_repetitive=True, **given)
    assert {"plan", "piece 0", "piece 1", "mkdir", "replace", "COMMIT"} <= {*killed.values()}

    await _change(place, TAKE_UP)
    await place.jobs_are_done(**given)

    work = Counter(await asyncio.to_thread(noted_work, film.parent))
    for video_id, step in killed.items():
        ladder = await ladders.get(place.database, video_id)
        assert ladder is not None
        assert (ladder.state, step) == ("ready", step)
        made = {name: count for (video, name), count in work.items() if video == str(video_id)}
        assert sum(made.values()) - len(made) <= 1, (step, made)
        named = await rungs.list_file_names(place.database, video_id)
        there = await asyncio.to_thread(_adaptive_files, place, video_id)
        assert (there, step) == (named, step)
    await ladder_sweep.sweep_pieces(place.database, place.storage)
    await place.nothing_is_left_over()


async def test_killed_sweep_of_superseded_files_is_repeated(place: Place, film: Path) -> None:
    async def superseded() -> UUID:
        video_id = await _ready(place)
        await place.order("job", film=str(film), heights=HEIGHTS)
        await _change(place, SUPERSEDE)
        return video_id

    steps = []
    async for video_id, step in place.kill_everywhere(
        "sweep ladders", superseded, is_repetitive=True
    ):
        steps.append(step)
        named = await rungs.list_file_names(place.database, video_id)
        assert await asyncio.to_thread(_adaptive_files, place, video_id) <= named, step

        await place.order("sweep ladders")

        assert await rungs.list_file_names(place.database, video_id) == set()
        assert await asyncio.to_thread(_adaptive_files, place, video_id) == set()
    assert {"unlink", "COMMIT", "swept"} <= {*steps}


async def _change(place: Place, sql: str) -> None:
    async with place.database.transaction() as transaction:
        await transaction.execute(sql)


def _adaptive_files(place: Place, video_id: UUID) -> set[str]:
    kinds = (".m3u8", ".mpd", ".m4a")
    paths = place.storage.video_dir("c1", video_id).iterdir()
    return {p.name for p in paths if p.suffix in kinds or p.name.startswith("v")}
