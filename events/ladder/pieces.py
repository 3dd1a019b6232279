"""One piece of a ladder: made in the sandbox, then left in the ladder's directory."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from db.media.ladders import PieceKind, PieceRow
from db.pool import Database
from events.ladder.options import LadderSettings
from events.ladder.work_room import work_room
from events.media.fidelity import MADE_HERE
from storage.disk import SHARED_DISK
from storage.errors import MediaCrashed, wrap_os_errors
from storage.formats import Container
from storage.ladder.facts import LadderPlan, Made
from storage.ladder.pieces import adopt_piece, piece_name
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox

_CODECS = re.compile(r"[A-Za-z0-9.]{1,40}")
SOUND_BITRATE = 160_000  # what AAC of 128 kbit/s takes in fragments, at most
FRAGMENTS_RATIO = 1.25  # of the source, for packets copied into fragments


class PieceFacts(msgspec.Struct, frozen=True):
    """A rung's part of a piece; `start` in ticks of the file's timescale."""

    rung: str
    start: int
    codecs: str


@dataclass(frozen=True, slots=True)
class PieceSource:
    """The served file that a ladder is made from, and the work that its pieces belong to."""

    path: Path
    container: Container
    work_id: UUID
    plan: LadderPlan


def list_pieces(plan: LadderPlan) -> list[tuple[PieceKind, int]]:
    """All pieces of a plan."""
    sounds: list[tuple[PieceKind, int]] = [("sound", n) for n in range(len(plan.sounds))]
    copies: list[tuple[PieceKind, int]] = [("copy", 0)] if plan.copied else []
    coded: list[tuple[PieceKind, int]] = (
        [("coded", n) for n in range(len(plan.piece_starts))] if plan.coded else []
    )
    return [*sounds, *copies, *coded]


def require_plain(made: Sequence[Made]) -> None:
    """Refuses texts that a child cannot have meant: they go into names, playlists and headers.

    Raises: MediaCrashed.
    """
    if not all(_CODECS.fullmatch(one.codecs) for one in made):
        raise MediaCrashed("the codecs are not named as in RFC 6381")


class PieceMaker:
    """Makes pieces of a source in the sandbox, and leaves them where any worker finds them."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        settings: LadderSettings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._sandbox = sandbox
        self._settings = settings

    async def make(self, source: PieceSource, piece: PieceRow) -> tuple[int, list[PieceFacts]]:
        """Returns the bytes made, and the facts to join them by.

        Raises: QuotaReached, StorageFull, the errors of the sandbox, DatabaseError.
        """
        needed_bytes = await self._estimate(source, piece)
        async with work_room(
            self._database, self._storage, self._settings, needed_bytes
        ) as directory:
            made = await self._make(source, piece, directory)
            require_plain(made)
            size_bytes = await SHARED_DISK.run_to_its_end(self._adopt, source, piece, made)
        return size_bytes, [PieceFacts(one.name, one.start, one.codecs) for one in made]

    async def _make(self, source: PieceSource, piece: PieceRow, directory: Path) -> Sequence[Made]:
        path, container, plan = source.path, source.container, source.plan
        match piece.kind:
            case "coded":
                return await self._sandbox.encode_piece(
                    path, container, plan, piece.number, directory, max_pixels=MADE_HERE.max_pixels
                )
            case "copy":
                return [await self._sandbox.copy_rung(path, container, plan, directory)]
            case "sound":
                sound = plan.sounds[piece.number]
                return [await self._sandbox.encode_sound(path, container, plan, sound, directory)]

    def _adopt(self, source: PieceSource, piece: PieceRow, made: Sequence[Made]) -> int:
        """Blocks."""
        number = piece.number if piece.kind == "coded" else 0
        size_bytes = 0
        for one in made:
            name = piece_name(one.name, number)
            path = adopt_piece(self._storage, one.file, source.work_id, name)
            with wrap_os_errors():
                size_bytes += path.stat().st_size
        return size_bytes

    async def _estimate(self, source: PieceSource, piece: PieceRow) -> int:
        """The bytes that it may take; lectures take far less."""
        plan = source.plan
        match piece.kind:
            case "coded":
                part = plan.piece(piece.number)
                length_s = float((part.stop - part.start) / plan.frame_rate)
                return round(sum(rung.max_bitrate for rung in plan.coded) / 8 * length_s)
            case "copy":
                with wrap_os_errors():
                    found = await SHARED_DISK.run(source.path.stat)
                return round(found.st_size * FRAGMENTS_RATIO)
            case "sound":
                return round(plan.duration_s * SOUND_BITRATE / 8)
