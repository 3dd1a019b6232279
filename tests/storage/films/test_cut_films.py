"""Films that end too early are refused wherever they end; few of them also over HTTP
(`tests/handlers/uploads/test_hostile_uploads.py`)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.formats import SourceFormat
from storage.media.facts import MediaLimits
from storage.samples import write_clock_mp4, write_clock_webm
from storage.sandbox.children import Sandbox
from tests.storage.fuzz.batch_child import BATCH_CHILD, Batch, Outcome


@pytest.mark.parametrize(
    ("container", "write"), [("mp4", write_clock_mp4), ("webm", write_clock_webm)]
)
async def test_a_film_cut_at_every_kilobyte_is_undecodable(
    container: SourceFormat,
    write: Callable[[Path, int], None],
    limits: MediaLimits,
    tmp_path: Path,
) -> None:
    directory = tmp_path / "cut"
    directory.mkdir()
    film = tmp_path / f"film.{container}"
    write(film, 2)
    content = film.read_bytes()
    cuts = range(1024, len(content) - 1, 1024)
    for at in cuts:
        (directory / f"{at:09}").write_bytes(content[:at])

    batch = Batch(directory, limits, ["mp4", "webm"])
    told = await Sandbox(1, child=BATCH_CHILD).run("take_all", batch, list[Outcome], timeout_s=120)

    assert len(told) == len(cuts) > 50
    assert {one.error for one in told} == {"Truncated"}
