"""The hub: publishes events over SSE to the subscribers of this process.

The hub follows the log through the emitter. A stream is registered first, then reads the events it
missed up to the hub's position, then gets the hub's offers: no gap, no duplicate. Roles are checked
when an event is delivered, and kept current by the log.

An event for thousands is delivered in slices, between which control returns to the event loop. The
tail waits for the delivery, so at most one of its batches is queued here.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from db.pool import Database
from events.errors import HubClosed, TooManySubscribers
from events.log.types import EnrollmentChanged, Event, VideoDeleted
from events.privacy.naming import Naming, people_in
from events.stream import frames
from events.stream.audiences import Audiences
from events.stream.heartbeats import Heartbeats
from events.stream.missed_events import Replay, Start
from events.stream.published_times import PublishedTimes
from events.stream.role_lookup import RoleLookup
from events.stream.subscriber import Encoded, End, Pack, Subscriber
from events.stream.visibility import Filters, Scope, View, Viewpoint

logger = logging.getLogger(__name__)

WRITES_AT_ONCE = 100  # 10 us each; then control returns to the event loop
OFFERS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Events queued for one stream; streams per user; streams per process."""

    backlog: int = 256
    per_user: int = 16
    total: int = 20_000


class Hub:
    """Registry of the event streams of this process.

    Subscribe `publish` to the emitter for every event, have the tail call `deliver` after each
    batch, and call `beat` every `tick_s` while `has_streams` is set. `elsewhere` returns a user's
    streams in other processes.
    """

    def __init__(
        self,
        database: Database,
        limits: HubLimits = HubLimits(),
        heartbeat_s: float = 15.0,
        randomness: random.Random | None = None,
        elsewhere: Callable[[str], int] | None = None,
    ) -> None:
        self.evicted_count = 0
        self.refused_counts = Counter({"user": 0, "total": 0})
        self._database = database
        self._roles = RoleLookup(database)
        self._limits = limits
        self._elsewhere = elsewhere
        self._random = randomness or random.Random()
        self._position: int | None = None
        self._published: list[tuple[int, Event]] = []
        self._published_at = PublishedTimes()
        self._of_user: dict[str, set[Subscriber]] = {}
        self._count = 0
        self._audiences = Audiences()
        self._heartbeats = Heartbeats(heartbeat_s)
        self.tick_s = self._heartbeats.tick_s

    @property
    def has_streams(self) -> asyncio.Event:
        return self._heartbeats.are_expected

    def __len__(self) -> int:
        return self._count

    @property
    def waiting_count(self) -> int:
        """Number of events in all backlogs."""
        return sum(one.backlog_count for users in self._of_user.values() for one in users)

    @property
    def oldest_wait_s(self) -> float:
        """Age of the oldest event in any backlog; 0.0 while all are empty."""
        streams = (one for users in self._of_user.values() for one in users)
        firsts = [one.first_waiting_id for one in streams if one.backlog_count]
        return self._published_at.age_s(min(firsts)) if firsts else 0.0

    def count_by_user(self) -> dict[str, int]:
        """Returns the number of streams in this process."""
        return {user_id: len(streams) for user_id, streams in self._of_user.items()}

    def open(self, position: int) -> None:
        """Starts at the tail's cursor; before it, and after `close`, `subscribe` is refused."""
        self._position = position

    def close(self) -> None:
        """Ends every stream with a random reconnection delay."""
        self._position = None
        self._end_all()

    def restart(self, position: int) -> None:
        """Ends every stream as `close`; new ones begin at `position`, or with a reset."""
        self._position = position
        self._end_all()

    def _end_all(self) -> None:
        for subscribers in list(self._of_user.values()):
            for subscriber in list(subscribers):
                subscriber.end(End.SHUTDOWN, subscriber.pack(self.farewell()))

    def farewell(self) -> bytes:
        """Returns the frame that has a client reconnect after a random delay."""
        return frames.retry(self._retry_ms())

    def publish(self, event_id: int, event: Event) -> None:
        """Listener for the emitter."""
        self._published.append((event_id, event))
        self._published_at.note(event_id)

    async def deliver(self) -> None:
        """Offers published events to the streams that may see them, one by one, then flushes."""
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
        """Sends due heartbeats, and ends streams whose credential has expired."""
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
        """Subscribes a stream from now on, or after `after_id`, until the Unix time `expires_at`.

        A stream whose grant is revoked has its `end_reason` from the start.
        Entering raises: TooManySubscribers, HubClosed, DatabaseUnavailable, DatabaseTimeout.
        """
        viewpoint = Viewpoint(scope, filters)
        subscriber = Subscriber(
            viewpoint, Replay(self._database, viewpoint), self._limits.backlog, pack, expires_at
        )
        return Subscription(self, subscriber, after_id)

    def admit(self, subscriber: Subscriber) -> None:
        """Registers the stream within the limits. Raises as `subscribe`."""
        user_id = subscriber.viewpoint.scope.user_id
        self._check_limits(user_id)
        self._of_user.setdefault(user_id, set()).add(subscriber)
        self._count += 1

    async def bring_up(self, subscriber: Subscriber, after_id: int | None) -> None:
        """Determines where the stream starts and indexes it for offers. Raises as `subscribe`."""
        is_fresh = after_id is None
        start = Start(self._position or 0)
        await self._load_roles(subscriber.viewpoint)
        if after_id is not None:
            start = await subscriber.replay.start(after_id, self._position or 0)
        if self._position is None:
            raise HubClosed
        if subscriber.viewpoint.is_revoked():
            subscriber.end(End.REVOKED)
            return
        # Events during the database queries above are read from the log, like older ones.
        subscriber.begin(start, self._position, self._retry_ms(), is_fresh)
        self._audiences.index(subscriber)
        self._heartbeats.expect(subscriber)

    def dismiss(self, subscriber: Subscriber) -> None:
        """Unregisters the stream; idempotent."""
        user_id = subscriber.viewpoint.scope.user_id
        of_user = self._of_user.get(user_id, set())
        if subscriber not in of_user:
            return
        subscriber.end(End.GONE)  # a round of offers may be running
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
        """Unregisters the user's closed streams: otherwise frequent page reloads would hit the
        limit until the next heartbeat."""
        for subscriber in list(self._of_user.get(user_id, ())):
            if subscriber.is_gone:
                self.dismiss(subscriber)

    def _check_limits(self, user_id: str) -> None:
        if self._position is None:
            raise HubClosed
        elsewhere = 0 if self._elsewhere is None else self._elsewhere(user_id)
        if self._count_of(user_id) + elsewhere >= self._limits.per_user:
            self._dismiss_gone(user_id)
        if self._count_of(user_id) + elsewhere >= self._limits.per_user:
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
        """Offers the event; returns the streams to flush."""
        if isinstance(encoded.event, EnrollmentChanged):
            self._learn_role(encoded.event, encoded)
        touched: list[Subscriber] = []
        for subscriber in self._own_streams(encoded.event):
            touched += _offer_to_group([subscriber], encoded, subscriber.viewpoint.scope.naming)
        for group in self._audiences.of(encoded.event):
            naming = group[0].viewpoint.scope.naming.of_bystanders
            for members in _slices(group, OFFERS_AT_ONCE):
                touched += _offer_to_group(members, encoded, naming)
                if len(members) == OFFERS_AT_ONCE:
                    await asyncio.sleep(0)
        if isinstance(encoded.event, EnrollmentChanged) and encoded.event.sealed_user_id:
            self._end_streams_of(encoded.event.user_id)
        return touched

    def _end_streams_of(self, user_id: str) -> None:
        """Ends all streams of an erased user, those by bearer token, too."""
        for subscriber in list(self._of_user.get(user_id, ())):
            subscriber.end(End.REVOKED)

    def _own_streams(self, event: Event) -> list[Subscriber]:
        """Returns the streams of the people in the event, which come first and one by one: they may
        have learnt of roles at different times, and are shown their own ids.
        """
        own = [one for user_id in people_in(event) for one in self._of_user.get(user_id, ())]
        return [subscriber for subscriber in own if subscriber in self._audiences]

    def _learn_role(self, event: EnrollmentChanged, encoded: Encoded) -> None:
        for subscriber in self._of_user.get(event.user_id, ()):
            viewpoint = subscriber.viewpoint
            is_news = viewpoint.roles.learn(event.course_id, event.role, event.version)
            if not is_news or subscriber not in self._audiences:
                continue
            self._audiences.index(subscriber)
            if viewpoint.is_revoked():
                is_visible = viewpoint.is_farewell(event)
                framed = encoded.frame(View.FULL, subscriber.pack, viewpoint.scope.naming)
                subscriber.revoke(framed if is_visible else None)

    def _beat(self, subscriber: Subscriber) -> None:
        if self._heartbeats.is_expired(subscriber):
            subscriber.end(End.EXPIRED)
        else:
            subscriber.beat()
            self._heartbeats.expect(subscriber)

    def _retry_ms(self) -> int:
        return self._random.randint(*frames.RETRY_MS)


class Subscription:
    """One stream's registration with the hub, as a context manager: registers, brings it up, and
    unregisters at the end of the block, unless `is_kept`: then its keeper calls `dismiss`.
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


def _offer_to_group(
    members: Sequence[Subscriber], encoded: Encoded, naming: Naming
) -> list[Subscriber]:
    """Offers the event to a group that sees it alike; returns the streams to flush."""
    viewpoint, pack = members[0].viewpoint, members[0].pack
    event = encoded.event
    view = viewpoint.view_of(event)
    framed = encoded.frame(view, pack, naming) if view else None
    if isinstance(event, VideoDeleted) and event.video_id == viewpoint.scope.video_id:
        for subscriber in members:
            subscriber.revoke(framed)
        return []
    if framed is None:
        return []
    return [subscriber for subscriber in members if subscriber.offer(framed)]


def _slices(members: list[Subscriber], size: int) -> Iterator[list[Subscriber]]:
    for start in range(0, len(members), size):
        yield members[start : start + size]
