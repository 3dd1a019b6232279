"""Chromium shows each picture at its time where it goes from the source's packets to encoded ones
and back, though their pictures are reordered differently.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain

import pytest

from tests.programs.chromium import open_chromium
from tests.storage.ladder.films import Film, Ladder, make_ladder
from tests.storage.media_source import read_parts, show_numbers

# References among B-frames: a picture more of delay than the encoded rungs have.
DEEPLY_REORDERED = {"preset": "medium", "x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}
NUMBERS = [0, 1, 2, 23, 24, 25, 26, 49, 50, 51, 74, 75, 76, 99, 100, 101, 124, 125, 148, 149]


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Ladder:
    directory = tmp_path_factory.mktemp("switches")
    film = Film(options=DEEPLY_REORDERED | {"g": "25", "sc_threshold": "0"})
    return make_ladder(film.write(directory / "film"), directory)


def parts_of(ladder: Ladder, names: Sequence[str]) -> list[bytes]:
    """Each segment from the next of these rungs."""
    parts = [read_parts(ladder.path(name), [number]) for number, name in enumerate(names)]
    return [*chain(*parts)]


@pytest.mark.parametrize("order", [("v48", "v24"), ("v24", "v48")], ids=["down", "up"])
async def test_each_picture_is_shown_where_copied_and_encoded_rungs_change(
    ladder: Ladder, order: tuple[str, str]
) -> None:
    assert ladder.plan.copied
    assert ladder.plan.reorder_delay == 2
    names = [order[number // 2 % 2] for number in range(6)]
    parts = await asyncio.to_thread(parts_of, ladder, names)

    async with open_chromium() as browser:
        page = await browser.new_page()
        codecs = ladder.made["v48"][0].codecs
        found = await show_numbers(page, parts, codecs, NUMBERS, 25)

    assert found.shown == NUMBERS
    assert found.buffered == [1, 0, pytest.approx(6)]
