"""Everyone who hears events live, and who of them is told what.

The hub follows the log through the emitter. A stream is registered first, then reads what it
missed up to the hub's position, then gets what the hub offers: no gap, nothing twice. Roles are
looked at when an event is delivered, and kept by the log.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from db import event_log
from db.pool import Database
from events import frames
from events.errors import HubClosed, TooManySubscribers
from events.replay import Replay, Start
from events.subscriber import Encoded, End, Subscriber
from events.types import EnrollmentChanged, Event
from events.visibility import Filters, Scope, Viewpoint, audiences_of


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Events waiting for one stream; streams of one user; streams of the process."""

    backlog: int = 256
    per_user: int = 16
    total: int = 20_000


class Audiences:
    """Who is offered what, so that an event reaches its few streams without asking all."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], set[Subscriber]] = {}
        self._places: dict[Subscriber, list[tuple[str, str]]] = {}

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._places

    def seat(self, subscriber: Subscriber) -> None:
        """Puts it where its roles place it now."""
        self.dismiss(subscriber)
        places = list(subscriber.viewpoint.audiences())
        self._places[subscriber] = places
        for place in places:
            self._members.setdefault(place, set()).add(subscriber)

    def dismiss(self, subscriber: Subscriber) -> None:
        for place in self._places.pop(subscriber, ()):
            members = self._members[place]
            members.discard(subscriber)
            if not members:
                del self._members[place]

    def of(self, event: Event) -> set[Subscriber]:
        return set().union(*(self._members.get(place, ()) for place in audiences_of(event)))


class Hub:
    """The streams of this process. Join `publish` to the emitter for every event."""

    def __init__(
        self,
        database: Database,
        limits: HubLimits = HubLimits(),
        randomness: random.Random | None = None,
    ) -> None:
        self.evicted_count = 0
        self._database = database
        self._limits = limits
        self._random = randomness or random.Random()
        self._position: int | None = None
        self._of_user: dict[str, set[Subscriber]] = {}
        self._count = 0
        self._audiences = Audiences()

    def __len__(self) -> int:
        return self._count

    def open(self, position: int) -> None:
        """Begins at the tail's cursor; until then, and after `close`, nobody may subscribe."""
        self._position = position

    def close(self) -> None:
        """Ends every stream, telling each to come back after a while of its own."""
        self._position = None
        for subscribers in list(self._of_user.values()):
            for subscriber in list(subscribers):
                subscriber.end(End.SHUTDOWN, frames.retry(self._retry_ms()))

    def publish(self, event_id: int, event: Event) -> None:
        """The listener for the emitter."""
        if self._position is None:
            return
        self._position = event_id
        encoded = Encoded(event_id, event)
        if isinstance(event, EnrollmentChanged):
            self._learn_role(event, encoded)
        for subscriber in self._audiences.of(event):
            subscriber.offer(encoded)

    @asynccontextmanager
    async def subscribe(
        self,
        scope: Scope,
        filters: Filters,
        after_id: int | None,
        on_evict: Callable[[], None] | None = None,
    ) -> AsyncIterator[Subscriber]:
        """A stream from now on, or from `after_id` on. `on_evict` is called when it is dropped for
        not reading.

        A stream whose grant no longer holds has its `end_reason` from the start.
        Raises: TooManySubscribers, HubClosed, DatabaseUnavailable, DatabaseTimeout.
        """
        with self._admitted(scope, filters, on_evict) as subscriber:
            await self._bring_up(subscriber, after_id)
            yield subscriber

    @contextmanager
    def _admitted(
        self, scope: Scope, filters: Filters, on_evict: Callable[[], None] | None
    ) -> Iterator[Subscriber]:
        self._check_limits(scope.user_id)
        viewpoint = Viewpoint(scope, filters)
        replay = Replay(self._database, viewpoint)
        subscriber = Subscriber(viewpoint, replay, self._limits.backlog, on_evict)
        self._of_user.setdefault(scope.user_id, set()).add(subscriber)
        self._count += 1
        try:
            yield subscriber
        finally:
            self._dismiss(subscriber)

    def _check_limits(self, user_id: str) -> None:
        if self._position is None:
            raise HubClosed
        if len(self._of_user.get(user_id, ())) >= self._limits.per_user:
            raise TooManySubscribers(is_per_user=True)
        if self._count >= self._limits.total:
            raise TooManySubscribers(is_per_user=False)

    def _dismiss(self, subscriber: Subscriber) -> None:
        self._audiences.dismiss(subscriber)
        user_id = subscriber.viewpoint.scope.user_id
        self._of_user[user_id].discard(subscriber)
        if not self._of_user[user_id]:
            del self._of_user[user_id]
        self._count -= 1
        self.evicted_count += subscriber.end_reason is End.EVICTED

    async def _bring_up(self, subscriber: Subscriber, after_id: int | None) -> None:
        is_fresh = after_id is None
        start = Start(self._position or 0)
        await self._load_roles(subscriber.viewpoint)
        if after_id is not None:
            start = await subscriber.replay.start(after_id)
        if self._position is None:
            raise HubClosed
        if subscriber.viewpoint.is_revoked():
            subscriber.end(End.REVOKED)
            return
        # What happened while we asked the database is read from the log, like all the rest.
        subscriber.begin(start, self._position, self._retry_ms(), is_fresh)
        self._audiences.seat(subscriber)

    async def _load_roles(self, viewpoint: Viewpoint) -> None:
        if viewpoint.scope.is_privileged:
            return
        for row in await event_log.roles_of(self._database, viewpoint.scope.user_id):
            viewpoint.roles.learn(row.course_id, row.role, row.version)

    def _learn_role(self, event: EnrollmentChanged, encoded: Encoded) -> None:
        for subscriber in self._of_user.get(event.user_id, ()):
            viewpoint = subscriber.viewpoint
            is_news = viewpoint.roles.learn(event.course_id, event.role, event.version)
            if not is_news or subscriber not in self._audiences:
                continue
            self._audiences.seat(subscriber)
            if viewpoint.is_revoked():
                subscriber.revoke(encoded)

    def _retry_ms(self) -> int:
        return self._random.randint(*frames.RETRY_MS)
