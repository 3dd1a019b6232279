"""A ladder made as the service makes it: each part in a child of its own."""

from pathlib import Path

import av
import pytest

from storage.ladder.facts import LadderPlan, Made
from storage.samples import read_frame_number, write_clock_mp4
from storage.sandbox.children import Sandbox

MANY_PIXELS = 10**8


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ladder") / "film.mp4"
    write_clock_mp4(path, 8, (320, 180))
    return path


async def make_plan(sandbox: Sandbox, film: Path, *, av1: bool = False) -> LadderPlan:
    return await sandbox.plan_ladder(
        film, "mp4", (180, 90), max_pixels=MANY_PIXELS, av1=av1, segment_s=2, piece_s=4
    )


def numbers_shown(made: Made) -> list[int]:
    with av.open(str(made.file)) as media:
        return [read_frame_number(frame.to_image()) for frame in media.decode(video=0)]


async def test_all_parts_of_a_ladder(film: Path, tmp_path: Path) -> None:
    sandbox = Sandbox(1)

    plan = await make_plan(sandbox, film, av1=True)
    copied = await sandbox.copy_rung(film, "mp4", plan, tmp_path)
    (sound,) = plan.sounds
    heard = await sandbox.encode_sound(film, "mp4", plan, sound, tmp_path)
    (tmp_path / "1").mkdir()
    pieces = await sandbox.encode_piece(
        film, "mp4", plan, 1, tmp_path / "1", max_pixels=MANY_PIXELS
    )

    assert [one.name for one in plan.videos] == ["v180", "av180", "v90", "av90"]
    assert plan.piece_starts == (0, 4 * plan.timescale)
    assert numbers_shown(copied) == [*range(200)]
    assert [one.name for one in pieces] == ["av180", "v90", "av90"]
    assert [numbers_shown(one) for one in pieces] == 3 * [[*range(100, 200)]]
    assert {one.start for one in pieces} == {4 * plan.timescale}
    assert (copied.codecs, heard.codecs) == ("avc1.42C00C", "mp4a.40.2")
    assert [one.codecs for one in pieces] == ["av01.0.00M.08", "avc1.64000C", "av01.0.00M.08"]
    for one in (copied, heard, *pieces):
        assert one.size_bytes == one.file.stat().st_size
