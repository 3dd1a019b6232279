"""Small films whose pictures show their numbers and whose sound beeps, and the ladders of them."""

import io
import math
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
from av.audio.resampler import AudioResampler
from PIL import Image

from storage.containers.sniff import sniff_file
from storage.fragments.assembly import assemble
from storage.fragments.fragmented_file import FragmentedFile
from storage.ladder.facts import LadderPlan, Made, VideoRung
from storage.ladder.output.copied_rung import copy_rung
from storage.ladder.output.piece import encode_piece
from storage.ladder.output.sound import encode_sound
from storage.ladder.planning import plan_ladder
from storage.media.facts import encode
from tests.storage.rungs import number_of, paint

MANY_PIXELS = 10**8
SIZE = (64, 48)
SAMPLE_RATE = 48_000
BEEP_S = Fraction(1, 10)
SEGMENT_S, PIECE_S = 1, 2
STEADY = tuple(Fraction(number, 25) for number in range(150))


@dataclass(frozen=True)
class Sounds:
    """A track: silence with beeps, from and to these seconds."""

    beeps: tuple[Fraction, ...] = ()
    start: Fraction = Fraction(0)
    stop: Fraction = Fraction(6)
    layout: str = "mono"
    language: str = ""
    title: str = ""


@dataclass(frozen=True)
class Film:
    """Pictures at these seconds."""

    times: Sequence[Fraction] = STEADY
    size: tuple[int, int] = SIZE
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    muxer: str = "mp4"
    pixel_format: str = "yuv420p"
    unit: Fraction = Fraction(1, 90_000)
    counterclockwise_deg: int = 0
    sample_ratio: Fraction | None = None
    sounds: tuple[Sounds, ...] = ()

    def write(self, path: Path) -> Path:
        with av.open(str(path), "w", format=self.muxer) as out:
            rate = round(1 / (self.times[1] - self.times[0]))
            picture = out.add_stream(self.codec, rate=rate, options=self.options)
            (picture.width, picture.height), picture.pix_fmt = self.size, self.pixel_format
            picture.codec_context.time_base = self.unit
            if self.sample_ratio:
                picture.codec_context.sample_aspect_ratio = self.sample_ratio
            if self.counterclockwise_deg:
                picture.set_display_rotation(self.counterclockwise_deg)
            tracks = [_add_sound(out, one) for one in self.sounds]
            for number, time in enumerate(self.times):
                frame = paint(number, self.size).reformat(format=self.pixel_format)
                frame.pts, frame.time_base = round(time / self.unit), self.unit
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
            for sounds, stream in zip(self.sounds, tracks, strict=True):
                for packet in _code(sounds, stream):
                    out.mux(packet)
        return path


def _add_sound(out, sounds: Sounds):
    codec = "aac" if out.format.name == "mp4" else "libopus"
    stream = out.add_stream(codec, rate=SAMPLE_RATE, layout=sounds.layout)
    for name, word in (("language", sounds.language), ("handler_name", sounds.title)):
        if word:
            stream.metadata[name] = word
    return stream


def _code(sounds: Sounds, stream) -> Iterator[av.Packet]:
    resampler = AudioResampler(stream.codec_context.format, stream.layout, SAMPLE_RATE)
    step = SAMPLE_RATE // 50
    for start in range(int(sounds.start * SAMPLE_RATE), int(sounds.stop * SAMPLE_RATE), step):
        frame = av.AudioFrame("s16", "mono", step)
        frame.planes[0].update(
            array("h", map(_level(sounds), range(start, start + step))).tobytes()
        )
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = start
        for fitting in resampler.resample(frame):
            yield from stream.encode(fitting)
    yield from stream.encode(None)


def _level(sounds: Sounds) -> Callable[[int], int]:
    beeps = [round(one * SAMPLE_RATE) for one in sounds.beeps]
    length = int(BEEP_S * SAMPLE_RATE)

    def level(sample: int) -> int:
        is_heard = any(one <= sample < one + length for one in beeps)
        return round(12_000 * math.sin(sample * 2 * math.pi / 48)) if is_heard else 0

    return level


@dataclass(frozen=True)
class Ladder:
    """Everything that is made of a film, assembled."""

    plan: LadderPlan
    directory: Path
    made: dict[str, list[Made]]
    files: dict[str, FragmentedFile]

    def path(self, name: str) -> Path:
        return self.directory / f"{name}-whole.mp4"

    def starts(self, name: str) -> list[Fraction]:
        """Seconds at which its segments begin."""
        file = self.files[name]
        return [Fraction(one.start, file.timescale) for one in file.fragments]


def make_ladder(
    film: Path, directory: Path, heights: Sequence[int] = (48, 24), *, av1: bool = False
) -> Ladder:
    source = sniff_file(film)
    plan = plan_ladder(film, source, [*heights], av1, MANY_PIXELS, SEGMENT_S, PIECE_S)
    made = {one.name: [_sound(film, plan, one, directory)] for one in plan.sounds}
    if plan.copied:
        made[plan.copied.name] = [_copy(film, plan, plan.copied, directory)]
    for number in range(len(plan.piece_starts)):
        for one in encode_one_piece(film, plan, number, directory / str(number)):
            made.setdefault(one.name, []).append(one)
    files = {name: _assemble(directory, plan, name, parts) for name, parts in made.items()}
    return Ladder(plan, directory, made, files)


def encode_one_piece(film: Path, plan: LadderPlan, number: int, directory: Path) -> list[Made]:
    directory.mkdir()
    return encode_piece(
        film,
        sniff_file(film),
        [*plan.coded],
        [directory / f"{rung.name}.mp4" for rung in plan.coded],
        plan.piece(number),
        (plan.rate_numerator, plan.rate_denominator),
        plan.timescale,
        plan.picture_offset,
        MANY_PIXELS,
        plan.colours,
    )


def _sound(film: Path, plan: LadderPlan, sound, directory: Path) -> Made:
    file = directory / f"{sound.name}.mp4"
    return encode_sound(film, sniff_file(film), sound, file, plan.duration_s)


def _copy(film: Path, plan: LadderPlan, rung: VideoRung, directory: Path) -> Made:
    places = [one // plan.ticks_per_picture for one in plan.segment_starts]
    stdin, sys.stdin = sys.stdin, SimpleNamespace(buffer=io.BytesIO(encode(places)))
    try:
        return copy_rung(
            film,
            sniff_file(film),
            rung.name,
            directory / f"{rung.name}.mp4",
            (plan.rate_numerator, plan.rate_denominator),
            plan.timescale,
            plan.picture_count,
            plan.picture_offset,
            plan.reorder_delay,
        )
    finally:
        sys.stdin = stdin


def _assemble(directory: Path, plan: LadderPlan, name: str, made: list[Made]) -> FragmentedFile:
    is_picture = not name.startswith("audio")
    return assemble(
        [one.file for one in made],
        [one.start for one in made],
        directory / f"{name}-whole.mp4",
        plan.segment_starts if is_picture else None,
    )


def shown_in(path: Path, turned: Image.Transpose | None = None) -> list[tuple[Fraction, int]]:
    """Each picture's time and number; `turned`: to be turned so before it is read."""
    with av.open(str(path)) as media:
        unit = Fraction(media.streams.video[0].time_base)
        return [(int(frame.pts) * unit, _number(frame, turned)) for frame in media.decode(video=0)]


def _number(frame: av.VideoFrame, turned: Image.Transpose | None) -> int:
    image = frame.to_image().convert("L")
    if turned is not None:
        image = image.transpose(turned)
    return number_of(image.tobytes(), image.width, image.size)


def beeps_in(path: Path) -> list[float]:
    """Seconds at which beeps begin."""
    found: list[float] = []
    until_s = -1.0
    with av.open(str(path)) as media:
        for frame in media.decode(audio=0):
            levels = array("f", bytes(frame.planes[0]))[: frame.samples]
            for place, level in enumerate(levels):
                at_s = frame.time + place / frame.sample_rate
                if abs(level) > 0.1:
                    if at_s > until_s:
                        found.append(at_s)
                    until_s = at_s + 0.05
    return found


def expected_row(times: Sequence[Fraction], rate: Fraction, count: int) -> list[int]:
    """Number of the picture at each place, as pacing promises."""
    places = [math.floor(time * rate + Fraction(1, 2)) for time in times]
    return [
        max((number for number, one in enumerate(places) if one <= place), default=0)
        for place in range(count)
    ]
