"""Rungs joined from their pieces, in the order of the plan. Blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from db.media.ladders import PieceRow
from events.ladder.pieces import PieceFacts
from storage.fragments.assembly import assemble
from storage.fragments.fragmented_file import FragmentedFile
from storage.hashes import sha256_file
from storage.ladder.facts import LadderPlan, SoundRung, VideoRung
from storage.ladder.pieces import piece_name
from storage.paths import StoragePaths


@dataclass(frozen=True, slots=True)
class AssembledRung:
    """A rung's finished file, under a temporary name."""

    rung: VideoRung | SoundRung
    path: Path
    fragmented: FragmentedFile
    codecs: str
    sha256: str


def assemble_rungs(
    storage: StoragePaths,
    work_id: UUID,
    plan: LadderPlan,
    pieces: Sequence[PieceRow],
    directory: Path,
) -> list[AssembledRung]:
    """Joins each rung that has pieces. Raises: as `assemble`."""
    facts = _facts_by_rung(pieces)
    rungs: list[VideoRung | SoundRung] = [*plan.videos, *plan.sounds]
    return [
        _assemble(storage, work_id, plan, rung, facts[rung.name], directory)
        for rung in rungs
        if rung.name in facts
    ]


def _assemble(
    storage: StoragePaths,
    work_id: UUID,
    plan: LadderPlan,
    rung: VideoRung | SoundRung,
    facts: Sequence[PieceFacts],
    directory: Path,
) -> AssembledRung:
    paths = [storage.piece(work_id, piece_name(rung.name, n)) for n in range(len(facts))]
    result = directory / f"{rung.name}.mp4"
    segments = plan.segment_starts if isinstance(rung, VideoRung) else None
    fragmented = assemble(paths, [one.start for one in facts], result, segments)
    return AssembledRung(rung, result, fragmented, facts[0].codecs, sha256_file(result))


def _facts_by_rung(pieces: Sequence[PieceRow]) -> dict[str, list[PieceFacts]]:
    """Facts of the pieces of each rung, in their order."""
    found: dict[str, list[PieceFacts]] = {}
    for piece in sorted(pieces, key=lambda one: one.number):
        for facts in msgspec.json.decode(piece.facts or "[]", type=list[PieceFacts]):
            found.setdefault(facts.rung, []).append(facts)
    return found
