"""Checks of a ladder's plan in a decoded answer."""

from typing import Any

import pytest
from msgspec.structs import replace

from storage.errors import MediaCrashed
from storage.ladder.facts import Colours, LadderPlan, SoundRung, VideoRung
from storage.sandbox.ladder_answers import require_ladder_plan

RUNG = VideoRung(
    name="v480",
    short_side=480,
    width=854,
    height=480,
    codec="h264",
    is_copied=False,
    every=1,
    max_bitrate=1_200_000,
)
SOUND = SoundRung(name="audio", stream_index=1, channels=2, language="", title="", is_default=True)
PLAN = LadderPlan(
    duration_s=8.0,
    source_pixels=854 * 480,
    rate_numerator=25,
    rate_denominator=1,
    timescale=12_800,
    picture_count=200,
    picture_offset=0,
    reorder_delay=0,
    segment_starts=(0, 51_200),
    piece_starts=(0,),
    videos=(RUNG,),
    sounds=(SOUND,),
)


def test_a_plan_of_a_film_is_taken() -> None:
    require_ladder_plan(PLAN)
    require_ladder_plan(replace(PLAN, colours=Colours(1, 2, 255)))
    require_ladder_plan(replace(PLAN, sounds=(SOUND, replace(SOUND, name="audio1"))))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"duration_s": float("nan")}, id="no duration"),
        pytest.param({"duration_s": 1e9}, id="longer than any film"),
        pytest.param({"rate_numerator": 0}, id="no rate"),
        pytest.param({"rate_denominator": 0}, id="a rate divided by nothing"),
        pytest.param({"timescale": 0}, id="no ticks"),
        pytest.param({"timescale": 12_801}, id="pictures between ticks"),
        pytest.param({"picture_count": 0}, id="no pictures"),
        pytest.param({"picture_count": 10**12}, id="endless pictures"),
        pytest.param({"segment_starts": ()}, id="no segments"),
        pytest.param({"segment_starts": (512, 51_200)}, id="a late first segment"),
        pytest.param({"segment_starts": (0, 0)}, id="segments of no length"),
        pytest.param({"segment_starts": (0, 102_400)}, id="a segment past the end"),
        pytest.param({"piece_starts": ()}, id="rungs without pieces"),
        pytest.param({"piece_starts": (0, 512)}, id="a piece between segments"),
        pytest.param({"videos": ()}, id="no rungs"),
        pytest.param({"videos": (RUNG, RUNG)}, id="a rung twice"),
        pytest.param({"videos": (replace(RUNG, name="../v480"),)}, id="a rung elsewhere"),
        pytest.param({"videos": (replace(RUNG, width=0),)}, id="no width"),
        pytest.param({"videos": (replace(RUNG, height=1 << 15),)}, id="a huge height"),
        pytest.param({"videos": (replace(RUNG, every=0),)}, id="every no picture"),
        pytest.param({"videos": (replace(RUNG, max_bitrate=0),)}, id="no bitrate"),
        pytest.param({"colours": Colours(1, 256, 1)}, id="no transfer"),
        pytest.param({"colours": Colours(-1, 1, 1)}, id="no matrix"),
        pytest.param({"sounds": (replace(SOUND, name="/audio"),)}, id="a sound elsewhere"),
        pytest.param({"sounds": (SOUND, SOUND)}, id="a sound twice"),
        pytest.param({"sounds": (replace(SOUND, stream_index=-1),)}, id="no stream"),
    ],
)
def test_a_plan_that_no_film_has_is_refused(fields: Any) -> None:
    with pytest.raises(MediaCrashed):
        require_ladder_plan(replace(PLAN, **fields))
