"""A process after a fail-over of the database: what it keeps is read anew, its streams end."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from events.log.types import EnrollmentChanged
from handlers import keys
from server.recovery import recovery
from tests.service.listening import listening


async def test_withdrawal_that_the_database_lost_is_forgotten(service: Any) -> None:
    revocations = service.app[keys.REVOCATIONS]
    lost = EnrollmentChanged(
        course_id="c1", user_id="nobody", occurred_at=datetime.now(UTC), role=None, version=9
    )
    revocations.apply(lost)
    assert len(revocations) > 0

    await recovery(service.app, 3600)(None)

    assert len(revocations) == 0, "no enrolment has changed since it was made"


async def test_only_what_was_lost_ends_streams(service: Any) -> None:
    async with listening(service.client("ada")) as stream:
        await recovery(service.app, 3600)(None)
        assert len(service.app[keys.HUB]) == 1

        await recovery(service.app, 3600)(0)

        async with asyncio.timeout(10):
            await stream.until_end()
