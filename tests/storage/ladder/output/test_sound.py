"""Sound of a ladder is in step with its pictures, whatever the source is like."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from storage.errors import Undecodable
from storage.ladder.facts import SoundRung
from storage.ladder.output.sound import encode_sound
from storage.ladder.planning import plan_ladder
from tests.storage.ladder.films import (
    MANY_PIXELS,
    STEADY,
    Film,
    Sounds,
    beeps_in,
    make_ladder,
    shown_in,
)

BEEPS = tuple(map(Fraction, (1, 2, 4, 5)))
# The encoder's blocks blur a beginning; priming of the source's sound moves pictures.
IN_STEP_S, PRIMED_S = 0.005, 0.025
REORDERED = {"preset": "medium", "bf": "3", "g": "25", "crf": "30"}
VP9 = {"deadline": "realtime", "cpu-used": "8"}


@pytest.mark.parametrize(
    ("film", "within_s"),
    [
        pytest.param(Film(options=REORDERED, sounds=(Sounds(BEEPS),)), IN_STEP_S, id="together"),
        pytest.param(
            Film(options=REORDERED, sounds=(Sounds(BEEPS, start=Fraction(7, 10)),)),
            IN_STEP_S,
            id="sound late",
        ),
        pytest.param(
            Film(times=STEADY[20:], options=REORDERED, sounds=(Sounds(BEEPS),)),
            IN_STEP_S,
            id="picture late",
        ),
        pytest.param(
            Film(
                codec="libvpx-vp9",
                muxer="webm",
                options=VP9,
                unit=Fraction(1, 1000),
                sounds=(Sounds(BEEPS, layout="stereo"),),
            ),
            IN_STEP_S,
            id="Opus in WebM",
        ),
        pytest.param(
            Film(
                times=[one + Fraction(12, 25) for one in STEADY],
                options=REORDERED,
                sounds=(Sounds(BEEPS, start=Fraction(12, 25), stop=Fraction(13, 2)),),
            ),
            PRIMED_S,
            id="both late",
        ),
    ],
)
def test_beeps_are_where_the_pictures_of_their_time_are(
    tmp_path: Path, film: Film, within_s: float
) -> None:
    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    beeps = beeps_in(ladder.path("audio"))
    assert len(beeps) == len(BEEPS)
    for rung in ladder.plan.videos:
        shown = shown_in(ladder.path(rung.name))
        for heard_s, beep in zip(beeps, BEEPS, strict=True):
            # The picture that the source shows with the beep.
            number = next(n for n, time in enumerate(film.times) if time >= beep)
            seen_s = next(float(time) for time, one in shown if one == number)
            assert heard_s - seen_s == pytest.approx(0, abs=within_s)


def test_late_sound_begins_with_silence_and_lasts_as_long_as_the_film(tmp_path: Path) -> None:
    film = Film(options=REORDERED, sounds=(Sounds(BEEPS[:1], Fraction(1, 2), Fraction(3)),))

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    assert beeps_in(ladder.path("audio")) == [pytest.approx(1, abs=IN_STEP_S)]
    with av.open(str(ladder.path("audio"))) as media:
        times = [packet.pts * packet.time_base for packet in media.demux() if packet.size]
    assert times[0] == 0
    assert times[-1] == pytest.approx(6, abs=0.03)


def test_each_track_has_its_place_language_and_channels(tmp_path: Path) -> None:
    sounds = (
        Sounds(BEEPS[:1], language="eng", title="Lecturer"),
        Sounds(BEEPS[1:2], layout="stereo", language="deu"),
        Sounds(BEEPS[:2]),
    )

    ladder = make_ladder(Film(options=REORDERED, sounds=sounds).write(tmp_path / "film"), tmp_path)

    assert [
        (one.name, one.channels, one.language, one.title, one.is_default)
        for one in ladder.plan.sounds
    ] == [
        ("audio", 1, "eng", "Lecturer", True),
        ("audio1", 2, "deu", "", False),
        ("audio2", 1, "", "", False),
    ]
    heard = [beeps_in(ladder.path(one.name)) for one in ladder.plan.sounds]
    assert [[*map(round, beeps)] for beeps in heard] == [[1], [2], [1, 2]]
    for one in ladder.plan.sounds:
        with av.open(str(ladder.path(one.name))) as media:
            (stream,) = media.streams.audio
            assert (stream.channels, stream.language or "und") == (
                one.channels,
                one.language or "und",
            )


def test_fragments_are_as_long_as_segments_of_pictures(tmp_path: Path) -> None:
    film = Film(times=STEADY[:50], sounds=(Sounds(stop=Fraction(14)),))

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    lengths = [float(after - one) for one, after in pairwise(ladder.starts("audio"))]
    assert lengths == pytest.approx([3.99] * 3, abs=0.02)


def test_stream_without_sound_is_undecodable(tmp_path: Path) -> None:
    film = Film(times=STEADY[:50], sounds=(Sounds(),)).write(tmp_path / "film")
    sound = SoundRung(
        name="audio", stream_index=0, channels=1, language="", title="", is_default=True
    )

    with pytest.raises(Undecodable):
        encode_sound(film, "mp4", sound, tmp_path / "made.mp4", 2)


def test_poster_of_sound_alone_has_a_ladder(tmp_path: Path) -> None:
    """A picture each second, and a keyframe each minute."""
    film = Film(
        times=[Fraction(number) for number in range(12)],
        options={"g": "60", "bf": "0", "sc_threshold": "0"},
        sounds=(Sounds(BEEPS, stop=Fraction(12)),),
    )

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    plan = ladder.plan
    assert plan.frame_rate == 1
    assert plan.copied is None
    assert plan == plan_ladder(tmp_path / "film", "mp4", [48, 24], False, MANY_PIXELS, 1, 2)
    assert [number for _, number in shown_in(ladder.path("v24"))] == [*range(12)]
    assert len(beeps_in(ladder.path("audio"))) == len(BEEPS)
