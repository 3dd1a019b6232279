"""Rows of rungs, made from the plan; and the details kept in them for later playlists."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import msgspec

from db.media.ladders import LadderRow, State
from db.media.rungs import MadeRung, RungRow
from storage.ladder.facts import LadderPlan, SoundRung, VideoRung


class RungDetails(msgspec.Struct, frozen=True):
    """A made rung as it was planned; `grid` is the same of rungs that fit together."""

    grid: str
    sha256: str
    frame_rate: str = ""
    video: VideoRung | None = None
    sound: SoundRung | None = None


def video_row(rung: VideoRung, state: State) -> RungRow:
    """The row of a rung of which nothing is known but its size."""
    return RungRow(rung.name, "video", state, height=rung.height, width=rung.width)


def sound_row(rung: SoundRung, state: State) -> RungRow:
    return RungRow(rung.name, "sound", state)


def planned_rows(plan: LadderPlan) -> list[RungRow]:
    return [
        *(video_row(one, "processing") for one in plan.videos),
        *(sound_row(one, "processing") for one in plan.sounds),
    ]


def plan_of(ladder: LadderRow) -> LadderPlan:
    """The plan of a ladder that has one."""
    assert ladder.plan is not None
    return msgspec.json.decode(ladder.plan, type=LadderPlan)


def made_rung(
    plan: LadderPlan,
    rung: VideoRung | SoundRung,
    *,
    file_name: str,
    size_bytes: int,
    bitrate: int,
    codecs: str,
    sha256: str,
) -> MadeRung:
    if isinstance(rung, VideoRung):
        row = video_row(rung, "ready")
        rate = str(plan.frame_rate / rung.every)
        details = RungDetails(grid_of(plan), sha256, rate, video=rung)
    else:
        row, details = sound_row(rung, "ready"), RungDetails(grid_of(plan), sha256, sound=rung)
    row = replace(row, file_name=file_name, size_bytes=size_bytes, bitrate=bitrate, codecs=codecs)
    return MadeRung(row, msgspec.json.encode(details).decode())


def details_of(made: MadeRung) -> RungDetails:
    return msgspec.json.decode(made.details, type=RungDetails)


def frame_rate_of(details: RungDetails) -> Fraction:
    return Fraction(details.frame_rate)


def grid_of(plan: LadderPlan) -> str:
    """Digest of the instants at which segments begin; players switch only between equal ones."""
    instants = (plan.timescale, plan.picture_count, plan.segment_starts)
    return hashlib.sha256(msgspec.json.encode(instants)).hexdigest()[:16]


def without_made(plan: LadderPlan, made: Sequence[MadeRung]) -> LadderPlan:
    """The plan without the rungs that are there already, and fit what is to be made."""
    grid = grid_of(plan)
    known = [details for details in map(details_of, made) if details.grid == grid]
    videos, sounds = [one.video for one in known], [one.sound for one in known]
    return msgspec.structs.replace(
        plan,
        videos=tuple(one for one in plan.videos if one not in videos),
        sounds=tuple(one for one in plan.sounds if one not in sounds),
    )
