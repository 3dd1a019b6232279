"""Everyone who hears events live, and who of them is told what.

The hub follows the log through the emitter. A stream is registered first, then reads what it
missed up to the hub's position, then gets what the hub offers: no gap, nothing twice. Roles are
looked at when an event is delivered, and kept by the log.

An event for thousands is delivered in slices, between which the loop has its turn. The tail waits
until what it published was delivered, so no more waits here than it emits at once.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from db.pool import Database
from events.errors import HubClosed, TooManySubscribers
from events.log.types import EnrollmentChanged, Event, VideoDeleted
from events.stream import frames
from events.stream.audiences import Audiences
from events.stream.heartbeats import Heartbeats
from events.stream.missed_events import Replay, Start
from events.stream.role_lookup import RoleLookup
from events.stream.subscriber import Encoded, End, Pack, Subscriber
from events.stream.visibility import Filters, Scope, View, Viewpoint

logger = logging.getLogger(__name__)

WRITES_AT_ONCE = 100  # 10 us each; then others have their turn
OFFERS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Events waiting for one stream; streams of one user; streams of the process."""

    backlog: int = 256
    per_user: int = 16
    total: int = 20_000


class Hub:
    """The streams of this process.

    Join `publish` to the emitter for every event, have the tail call `deliver` after it emitted,
    and call `beat` every `tick_s`.
    """

    def __init__(
        self,
        database: Database,
        limits: HubLimits = HubLimits(),
        heartbeat_s: float = 15.0,
        randomness: random.Random | None = None,
    ) -> None:
        self.evicted_count = 0
        self.refused_counts = Counter({"user": 0, "total": 0})
        self._database = database
        self._roles = RoleLookup(database)
        self._limits = limits
        self._random = randomness or random.Random()
        self._position: int | None = None
        self._published: list[tuple[int, Event]] = []
        self._of_user: dict[str, set[Subscriber]] = {}
        self._count = 0
        self._audiences = Audiences()
        self._heartbeats = Heartbeats(heartbeat_s)
        self.tick_s = self._heartbeats.tick_s

    def __len__(self) -> int:
        return self._count

    @property
    def waiting_count(self) -> int:
        """Events in all backlogs."""
        return sum(one.backlog_count for users in self._of_user.values() for one in users)

    def open(self, position: int) -> None:
        """Begins at the tail's cursor; until then, and after `close`, nobody may subscribe."""
        self._position = position

    def close(self) -> None:
        """Ends every stream, telling each to come back after a while of its own."""
        self._position = None
        for subscribers in list(self._of_user.values()):
            for subscriber in list(subscribers):
                farewell = frames.retry(self._retry_ms())
                subscriber.end(End.SHUTDOWN, subscriber.pack(farewell))

    def publish(self, event_id: int, event: Event) -> None:
        """The listener for the emitter."""
        self._published.append((event_id, event))

    async def deliver(self) -> None:
        """Offers what was published to whom it concerns, event by event, then lets it out."""
        published, self._published = self._published, []
        touched: list[Subscriber] = []
        for event_id, event in published:
            if self._position is None:
                return
            self._position = event_id
            try:
                touched += await self._offer(Encoded(event_id, event))
            except Exception:
                logger.exception("event %d was not delivered", event_id)
        for flushed in _slices(touched, WRITES_AT_ONCE):
            for subscriber in flushed:
                subscriber.flush()
            await asyncio.sleep(0)

    async def beat(self) -> None:
        """Heartbeats to whom they are due, and the end to whose credential has expired."""
        for due in _slices(self._heartbeats.due(), WRITES_AT_ONCE):
            for subscriber in due:
                self._beat(subscriber)
            await asyncio.sleep(0)

    def subscribe(
        self,
        scope: Scope,
        filters: Filters,
        after_id: int | None,
        pack: Pack = bytes,
        expires_at: float = float("inf"),
    ) -> "Subscription":
        """A stream from now on, or from `after_id` on, until the Unix time `expires_at`.

        A stream whose grant no longer holds has its `end_reason` from the start.
        Entering raises: TooManySubscribers, HubClosed, DatabaseUnavailable, DatabaseTimeout.
        """
        viewpoint = Viewpoint(scope, filters)
        subscriber = Subscriber(
            viewpoint, Replay(self._database, viewpoint), self._limits.backlog, pack, expires_at
        )
        return Subscription(self, subscriber, after_id)

    def admit(self, subscriber: Subscriber) -> None:
        """Registers it, so that it learns of what happens from now on. Raises as `subscribe`."""
        user_id = subscriber.viewpoint.scope.user_id
        self._check_limits(user_id)
        self._of_user.setdefault(user_id, set()).add(subscriber)
        self._count += 1

    async def bring_up(self, subscriber: Subscriber, after_id: int | None) -> None:
        """Finds out where it begins, and has it offered what follows. Raises as `subscribe`."""
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
        self._heartbeats.expect(subscriber)

    def dismiss(self, subscriber: Subscriber) -> None:
        """It is nowhere any more; once is enough."""
        user_id = subscriber.viewpoint.scope.user_id
        of_user = self._of_user.get(user_id, set())
        if subscriber not in of_user:
            return
        subscriber.end(End.GONE)  # a round of offers may be under way
        self._heartbeats.forget(subscriber)
        self._audiences.dismiss(subscriber)
        of_user.discard(subscriber)
        if not of_user:
            del self._of_user[user_id]
        self._count -= 1
        self.evicted_count += subscriber.end_reason is End.EVICTED

    def _count_of(self, user_id: str) -> int:
        return len(self._of_user.get(user_id, ()))

    def _dismiss_gone(self, user_id: str) -> None:
        """Or who reloads a page again and again would be refused until the next heartbeat."""
        for subscriber in list(self._of_user.get(user_id, ())):
            if subscriber.is_gone:
                self.dismiss(subscriber)

    def _check_limits(self, user_id: str) -> None:
        if self._position is None:
            raise HubClosed
        if self._count_of(user_id) >= self._limits.per_user:
            self._dismiss_gone(user_id)
        if self._count_of(user_id) >= self._limits.per_user:
            self.refused_counts["user"] += 1
            raise TooManySubscribers(is_per_user=True)
        if self._count >= self._limits.total:
            self.refused_counts["total"] += 1
            raise TooManySubscribers(is_per_user=False)

    async def _load_roles(self, viewpoint: Viewpoint) -> None:
        if viewpoint.scope.is_privileged:
            return
        for row in await self._roles.of(viewpoint.scope.user_id):
            viewpoint.roles.learn(row.course_id, row.role, row.version)

    async def _offer(self, encoded: Encoded) -> list[Subscriber]:
        """Who is to be flushed."""
        if isinstance(encoded.event, EnrollmentChanged):
            self._learn_role(encoded.event, encoded)
        touched: list[Subscriber] = []
        for group in [*self._audiences.of(encoded.event), *self._own(encoded.event)]:
            for members in _slices(group, OFFERS_AT_ONCE):
                touched += _offer_alike(members, encoded)
                if len(members) == OFFERS_AT_ONCE:
                    await asyncio.sleep(0)
        return touched

    def _own(self, event: Event) -> Iterator[list[Subscriber]]:
        """The streams of whom the event is about, each a group: what they know of their roles may
        be from different moments.
        """
        for subscriber in self._of_user.get(event.user_id, ()):
            if subscriber in self._audiences:
                yield [subscriber]

    def _learn_role(self, event: EnrollmentChanged, encoded: Encoded) -> None:
        for subscriber in self._of_user.get(event.user_id, ()):
            viewpoint = subscriber.viewpoint
            is_news = viewpoint.roles.learn(event.course_id, event.role, event.version)
            if not is_news or subscriber not in self._audiences:
                continue
            self._audiences.seat(subscriber)
            if viewpoint.is_revoked():
                is_told = viewpoint.is_farewell(event)
                subscriber.revoke(encoded.frame(View.FULL, subscriber.pack) if is_told else None)

    def _beat(self, subscriber: Subscriber) -> None:
        if self._heartbeats.is_expired(subscriber):
            subscriber.end(End.EXPIRED)
        else:
            subscriber.beat()
            self._heartbeats.expect(subscriber)

    def _retry_ms(self) -> int:
        return self._random.randint(*frames.RETRY_MS)


class Subscription:
    """One stream's time with the hub: registered first, then brought up, dismissed at the end of
    the block, or later by who has set `is_kept`.
    """

    __slots__ = ("_after_id", "_hub", "is_kept", "subscriber")

    def __init__(self, hub: Hub, subscriber: Subscriber, after_id: int | None) -> None:
        self._hub = hub
        self.subscriber = subscriber
        self._after_id = after_id
        self.is_kept = False

    async def __aenter__(self) -> Subscriber:
        self._hub.admit(self.subscriber)
        try:
            await self._hub.bring_up(self.subscriber, self._after_id)
        except BaseException:
            self.dismiss()
            raise
        return self.subscriber

    async def __aexit__(self, *_: object) -> None:
        if not self.is_kept:
            self.dismiss()

    def dismiss(self) -> None:
        self._hub.dismiss(self.subscriber)


def _offer_alike(members: Sequence[Subscriber], encoded: Encoded) -> list[Subscriber]:
    """Who is to be flushed, of those who all see the event alike."""
    viewpoint, pack = members[0].viewpoint, members[0].pack
    event = encoded.event
    view = viewpoint.view_of(event)
    told = encoded.frame(view, pack) if view else None
    if isinstance(event, VideoDeleted) and event.video_id == viewpoint.scope.video_id:
        for subscriber in members:
            subscriber.revoke(told)
        return []
    if told is None:
        return []
    return [subscriber for subscriber in members if subscriber.offer(told)]


def _slices(members: list[Subscriber], size: int) -> Iterator[list[Subscriber]]:
    for start in range(0, len(members), size):
        yield members[start : start + size]
