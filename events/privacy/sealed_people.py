"""People whose ids are erased from the rows, sealed where something must still end for them.

The withdrawal that an erasure logs names nobody, and carries the id sealed. Each process reveals it
in memory, when the event passes, and when it reads revoked grants at its start.
"""

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from db.pool import Row
from events.log.types import EnrollmentChanged, Event
from events.privacy.seal import Seal

PLACE = "erased user"

SomeEvent = TypeVar("SomeEvent", bound=Event)


class SealedPeople:
    """Seals and reveals ids."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def seal(self, user_id: str) -> str:
        return self._seal.seal(user_id, PLACE)

    def user_id_of(self, sealed: str) -> str | None:
        """Returns None for what another secret sealed: grants of that one are void, too."""
        return self._seal.unseal(sealed, PLACE)

    def reveal(self, event: Event) -> Event:
        """Returns the event with the id that it carries sealed, others as they are."""
        if not isinstance(event, EnrollmentChanged) or event.sealed_user_id is None:
            return event
        user_id = self.user_id_of(event.sealed_user_id)
        return event if user_id is None else replace(event, user_id=user_id)

    def versions(self, rows: Iterable[Row]) -> dict[tuple[str, str], int]:
        """Returns (course_id, user_id) -> version; of rows under one id the highest."""
        found: dict[tuple[str, str], int] = {}
        for row in rows:
            user_id = row.user_id
            if row.sealed_user_id is not None:
                user_id = self.user_id_of(row.sealed_user_id) or user_id
            key = (row.course_id, user_id)
            found[key] = max(row.version, found.get(key, 0))
        return found
