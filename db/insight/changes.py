"""Changes of viewing figures: written with the reports that cause them, added to the figures later.

A commit of reports inserts one row, however many videos it is about: reports never wait for each
other's figures, as they would for the row of a popular video.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from operator import sub as subtract_integers
from uuid import UUID

import msgspec

from db.pool import Queries, Row, Transaction

Piece = tuple[int, int]  # [start, stop) in centiseconds

ADD = "INSERT INTO viewing_changes (changes) VALUES (%s)"

TAKE = """
DELETE FROM viewing_changes WHERE id IN (SELECT id FROM viewing_changes ORDER BY id LIMIT %s)
RETURNING changes
"""

IS_ANY_WAITING = "SELECT EXISTS (SELECT FROM viewing_changes) AS is_waiting"


class QualityFigures(msgspec.Struct, frozen=True, array_like=True):
    """Sums over sessions; docs/analytics.md defines the figures that are made of them.

    `startups_N`: sessions whose startup took at most N ms; `startup_points`: thousandths of a
    point; `bits` and `height_lines` are sums over the `bitrate_ms` and `height_ms` in which they
    were known.
    """

    sessions: int = 0
    starts: int = 0
    failures: int = 0
    errors: int = 0
    startups: int = 0
    startup_ms: int = 0
    startup_points: int = 0
    startups_500: int = 0
    startups_1000: int = 0
    startups_2000: int = 0
    startups_4000: int = 0
    startups_8000: int = 0
    stalled_sessions: int = 0
    stalls: int = 0
    stalled_ms: int = 0
    played_ms: int = 0
    dropped_frames: int = 0
    bitrate_ms: int = 0
    bits: int = 0
    height_ms: int = 0
    height_lines: int = 0

    def __sub__(self, other: "QualityFigures") -> "QualityFigures":
        return QualityFigures(*map(subtract_integers, _values(self), _values(other)))


_values = msgspec.structs.astuple


def total(parts: Iterable[QualityFigures]) -> QualityFigures:
    """Returns the sums of many, or of none; thrice as quick as adding one by one."""
    return QualityFigures(*map(sum, zip(*map(_values, parts), strict=True)))


class Conditions(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The kind of device, family of browser and type of network of a session."""

    device: str
    browser: str
    network: str


class ViewingChange(msgspec.Struct, frozen=True, array_like=True):
    """The changes of a commit for one user in one video, on one day.

    `gained` and `lost` change the set of what the user has seen; `plays` is what was played, each
    time that it was. A change of `quality` is one of nothing else.
    """

    video_id: UUID
    user_id: str
    day: date
    watched_cs: int = 0
    sessions: int = 0
    completions: int = 0
    gained: Sequence[Piece] = ()
    lost: Sequence[Piece] = ()
    plays: Sequence[Piece] = ()
    quality: tuple[Conditions, QualityFigures] | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ViewingChange]).decode


def parameters(changes: Iterable[ViewingChange]) -> tuple[str]:
    """The parameters of `ADD`."""
    return (_encode(list(changes)).decode(),)


async def add(transaction: Transaction, changes: Iterable[ViewingChange]) -> None:
    await transaction.execute(ADD, parameters(changes))


async def add_duration(transaction: Transaction, video_id: UUID, day: date) -> None:
    """Have a video counted again whose duration is no longer that of its curve.

    A change that adds nothing: whoever adds it finds the new duration.
    """
    await add(transaction, [ViewingChange(video_id, "", day)])


async def take(transaction: Transaction, limit: int) -> list[list[ViewingChange]]:
    """Remove, and return, the changes of up to `limit` commits."""
    rows: list[Row] = await transaction.fetch_all(TAKE, (limit,))
    return [_decode(row.changes) for row in rows]


async def is_any_waiting(queries: Queries) -> bool:
    row = await queries.fetch_one(IS_ANY_WAITING)
    return row is not None and row.is_waiting
