"""Recovery from a fail-over of the database: what a process keeps of its rows is read anew."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import web

from db import enrollments
from db.pool import Database
from db.videos import videos
from events.privacy.sealed_people import SealedPeople
from handlers import keys
from handlers.access.revocation import REMEMBERED_S


async def read_revocations(
    database: Database, people: SealedPeople, deleted_s: float
) -> tuple[dict[tuple[str, str], int], list[UUID]]:
    """Versions of changed enrolments, and videos deleted within that time.

    Raises: DatabaseError.
    """
    return (
        people.versions(await enrollments.list_changed_versions(database, REMEMBERED_S)),
        await videos.list_deleted_since(database, deleted_s),
    )


def recovery(app: web.Application, deleted_s: float) -> Callable[[int | None], Awaitable[None]]:
    """Reads the tables anew for the tail of the log; raises: DatabaseError."""

    async def recover(lost_from_id: int | None) -> None:
        versions, deleted = await read_revocations(
            app[keys.DATABASE], app[keys.SEALED_PEOPLE], deleted_s
        )
        app[keys.REVOCATIONS].replace(versions, deleted)
        app[keys.ACCESS].forget_all()
        app[keys.CATALOG].forget_all()
        if lost_from_id is not None:
            app[keys.HUB].restart(lost_from_id)

    return recover
