"""A process that appends events to the log of a running service, through whatever happens to it.

Its argument is the service's DATA_DIR. Each line of its input is a number of events to append, in
transactions of some, trying again while the database is away. At the end it prints the id of each
event whose commit was acknowledged; an event whose commit is in doubt is not appended again.
"""

import asyncio
import random
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from db.errors import CommitUnknown, DatabaseError
from db.pool import Database, open_database
from events.log import log
from events.log.types import Event, PlaybackProgressed, VideoProcessing, VideoReady
from server.config.settings import load_config
from server.postgres.embedded import PostgresNotRunning
from server.processes import attached_database

COURSE = "exactly-once"
STUDENTS = ("ada", "bob")
VIDEO = UUID(int=1)
LARGEST_BATCH = 50
RETRY_S = 0.05


def event_of(number: int) -> Event:
    """A mix that each of its readers sees another part of."""
    told = {"video_id": VIDEO, "course_id": COURSE, "occurred_at": datetime.now(UTC)}
    if number % 4 == 0:
        return VideoReady(user_id="tess", video={"title": f"Title {number}"}, **told)
    if number % 4 == 1:
        return VideoProcessing(user_id="tess", processing_ratio=0.5, **told)
    return PlaybackProgressed(
        user_id=STUDENTS[number // 4 % 2],
        position_s=1.0,
        watched_ratio=0.5,
        session_id=f"s{number}",
        **told,
    )


def dsn_of(data_dir: Path) -> str:
    """Raises PostgresNotRunning."""
    environ = {"COURSESTREAM_DATA_DIR": str(data_dir), "COURSESTREAM_JWT_SECRET": "x" * 32}
    return attached_database(load_config(environ, data_dir / "no.env"))


async def append(data_dir: Path, count: int) -> list[int]:
    """The ids that were acknowledged."""
    acknowledged: list[int] = []
    done = 0
    while done < count:
        try:
            async with open_database(dsn_of(data_dir), size=1) as database:
                while done < count:
                    size = min(random.randint(1, LARGEST_BATCH), count - done)
                    batch = [event_of(done + n) for n in range(size)]
                    acknowledged += await append_batch(database, batch)
                    done += size
        except (DatabaseError, PostgresNotRunning):
            await asyncio.sleep(RETRY_S)
    return acknowledged


async def append_batch(database: Database, batch: list[Event]) -> list[int]:
    with suppress(CommitUnknown):
        async with database.transaction() as transaction:
            ids = await log.append(transaction, batch)
        return ids
    return []


if __name__ == "__main__":
    data_dir = Path(sys.argv[1])
    told = [asyncio.run(append(data_dir, int(line))) for line in sys.stdin]
    print(*(event_id for ids in told for event_id in ids), sep="\n")
