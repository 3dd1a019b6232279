import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from db.log import event_log
from db.pool import Database
from events.errors import HubClosed, TooManySubscribers
from events.log.emitter import Emitter
from events.log.log import Tail
from events.log.types import (
    Event,
    PlaybackProgressed,
    VideoDeleted,
    VideoReady,
    VideoUploaded,
)
from events.stream import frames, hub
from events.stream.heartbeats import Heartbeats
from events.stream.hub import Hub, HubLimits
from events.stream.subscriber import End, Subscriber
from events.stream.visibility import Filters, Scope
from storage.concurrency.tasks import end

ME, TEACHER, ADMIN = Scope("me"), Scope("teacher"), Scope("admin", is_privileged=True)


class Client:
    """The client's end of a wire. Unread bytes fill the wire, if it is `slow`."""

    def __init__(self, *, slow: bool = False) -> None:
        self.is_gone = False
        self.is_slow = slow
        self.unread: list[bytes] = []
        self._changed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        return self.is_slow and bool(self.unread)

    def write(self, packed: bytes) -> None:
        self.unread.append(packed)
        self._changed.set()

    def write_now(self, packed: bytes) -> bool:
        if self.is_gone or self.is_full:
            return False
        self.write(packed)
        return True

    async def drain(self) -> None:
        while self.is_full:
            await self._change()
        if self.is_gone:
            raise ConnectionResetError

    def cut(self) -> None:
        self.is_gone = True
        self.unread.clear()
        self._changed.set()

    async def read(self) -> bytes:
        """The next write, and no more."""
        while not self.unread:
            await self._change()
        self._changed.set()
        return self.unread.pop(0)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


@dataclass(slots=True)
class Reader:
    """Parses a stream's bytes as a browser does."""

    subscriber: Subscriber
    client: Client
    feeding: "asyncio.Task[None]"
    told: list[dict[str, Any]] = field(default_factory=list)
    control: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        return [one["id"] for one in self.told]

    @property
    def types(self) -> list[str]:
        return [one["type"] for one in self.told]

    async def read(self, count: int) -> "Reader":
        async with asyncio.timeout(20):
            while len(self.told) < count:
                assert self.client.unread or not self.feeding.done()
                self._take(await self.client.read())
        return self

    async def read_to_the_end(self) -> "Reader":
        async with asyncio.timeout(20):
            await self.feeding
            while self.client.unread:
                self._take(await self.client.read())
        return self

    def _take(self, received: bytes) -> None:
        for block in received.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            if "data" in fields:
                told = {"id": int(fields["id"]), "type": fields["event"]}
                self.told.append(told | {"data": json.loads(fields["data"])})
            else:
                self.control.append(block)


@asynccontextmanager
async def fed(subscriber: Subscriber, *, slow: bool = False) -> AsyncIterator[Reader]:
    client = Client(slow=slow)
    feeding = asyncio.create_task(subscriber.feed(client))
    try:
        yield Reader(subscriber, client, feeding)
    finally:
        await end(feeding)


class Clock:
    """The hub's own time, advanced by the test."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(process: "Process") -> Clock:
    """Replaces the process's clock from now on."""
    clock = Clock()
    process.hub._heartbeats = Heartbeats(15, lambda: clock.now_s, lambda: clock.now_s)
    return clock


class Process:
    """A tail and a hub on one emitter, as a web process has them."""

    def __init__(self, database: Database, dsn: str, limits: HubLimits) -> None:
        self.database = database
        self.emitter = Emitter()
        self.hub = Hub(database, limits, randomness=random.Random(1))
        self.tail = Tail(database, dsn, self.emitter, self._deliver)
        self.emitter.subscribe(Event, self.hub.publish)
        self._emitted = asyncio.Event()

    async def settle(self) -> None:
        """Returns once the tail has emitted everything in the log."""
        newest_id = (await event_log.read_bounds(self.database)).newest_id
        async with asyncio.timeout(20):
            while self.tail.cursor < newest_id:
                self._emitted.clear()
                await self._emitted.wait()

    async def _deliver(self) -> None:
        await self.hub.deliver()
        self._emitted.set()

    @asynccontextmanager
    async def reader(
        self, scope: Scope, after_id: int | None = None, *, slow: bool = False, **filters: Any
    ) -> AsyncIterator[Reader]:
        await self.settle()
        async with (
            self.hub.subscribe(scope, Filters(**filters), after_id) as subscriber,
            fed(subscriber, slow=slow) as reader,
        ):
            yield reader


@asynccontextmanager
async def running(
    database: Database,
    dsn: str,
    limits: HubLimits = HubLimits(),  # noqa: B008
) -> AsyncIterator[Process]:
    process = Process(database, dsn, limits)
    await process.tail.start()
    process.hub.open(process.tail.cursor)
    try:
        yield process
    finally:
        process.hub.close()
        await process.tail.stop()


@pytest.fixture
async def process(database: Database, dsn: str) -> AsyncIterator[Process]:
    async with running(database, dsn) as process:
        yield process


async def test_a_student_and_an_instructor_see_what_the_contract_shows_them(
    process: Process, library: Any, happened: Any
) -> None:
    await library.enroll("me", "student")
    await library.enroll("teacher", "instructor")
    async with process.reader(ME) as student, process.reader(TEACHER) as instructor:
        await library.append(
            happened(VideoUploaded),
            happened(VideoReady),
            happened(PlaybackProgressed, "me"),
            happened(PlaybackProgressed, "classmate"),
            happened(VideoReady, course_id="c2"),
            happened(VideoDeleted),
        )
        await student.read(3)
        await instructor.read(5)

    assert student.types == ["video.ready", "playback.progress", "video.deleted"]
    assert [one["data"]["user_id"] for one in student.told] == [None, "me", None]
    assert len(instructor.types) == 5
    assert instructor.told[0]["data"]["user_id"] == "teacher"


async def test_the_opening_tells_how_to_come_back_and_where_from(
    process: Process, library: Any, happened: Any
) -> None:
    [newest] = await library.append(happened(VideoReady))
    async with process.reader(ADMIN, after_id=0) as reader:
        await reader.read(1)
    async with process.reader(ADMIN) as fresh:
        opening = await fresh.client.read()
        assert fresh.client.unread == []

    retry, place = opening.decode().strip().split("\n")
    assert 2000 <= int(retry.removeprefix("retry: ")) <= 4000
    assert place == f"id: {newest}"


async def test_replay_then_live_has_no_gap_and_nothing_twice(
    process: Process, library: Any, happened: Any
) -> None:
    appended: list[int] = []

    async def write(batches: int) -> None:
        for _ in range(batches):
            appended.extend(await library.append(*(happened(VideoReady) for _ in range(7))))

    await write(50)
    writing = [asyncio.create_task(write(30)) for _ in range(3)]
    readers = []
    for _ in range(5):
        async with process.reader(ADMIN, after_id=appended[3]) as reader:
            readers.append(await reader.read(500))
    await asyncio.gather(*writing)
    async with process.reader(ADMIN, after_id=appended[3]) as last:
        await last.read(976)

    expected = sorted(appended)[4:]
    assert last.ids == expected
    assert all(reader.ids == expected[: len(reader.ids)] for reader in readers)


async def test_a_backlog_that_fills_during_replay_is_read_from_the_log(
    database: Database, dsn: str, library: Any, happened: Any
) -> None:
    async with running(database, dsn, HubLimits(backlog=4)) as process:
        ids = await library.append(*(happened(VideoReady) for _ in range(500)))
        await process.settle()
        async with (
            process.reader(ADMIN, after_id=0, slow=True) as reader,
            process.reader(ADMIN) as other,
        ):
            await reader.read(1)
            ids += await library.append(*(happened(VideoReady) for _ in range(3)))
            await other.read(len(other.ids) + 1)
            for _ in range(5):
                ids += await library.append(happened(VideoReady))
                await other.read(len(other.ids) + 1)
            await reader.read(len(ids))
            assert reader.subscriber.end_reason is None

    assert reader.ids == ids


async def test_who_stops_reading_is_dropped_and_catches_up_by_its_last_id(
    database: Database, dsn: str, library: Any, happened: Any
) -> None:
    async with running(database, dsn, HubLimits(backlog=4)) as process:
        async with process.reader(ADMIN, slow=True) as stuck, process.reader(ADMIN) as other:
            ids: list[int] = []
            for _ in range(5):
                assert stuck.subscriber.end_reason is None
                ids += await library.append(happened(VideoReady))
                await other.read(len(ids))
            with pytest.raises(ConnectionResetError):
                await stuck.feeding
        async with process.reader(ADMIN, after_id=ids[0]) as again:
            await again.read(4)

    assert (stuck.subscriber.end_reason, process.hub.evicted_count) == (End.EVICTED, 1)
    assert stuck.client.is_gone
    assert again.ids == ids[1:]


async def test_a_restarted_process_goes_on_where_the_other_ended(
    database: Database, dsn: str, library: Any, happened: Any
) -> None:
    async with running(database, dsn) as process, process.reader(ADMIN) as before:
        first = await library.append(happened(VideoReady))
        await before.read(1)
        process.hub.close()
        await before.read_to_the_end()
    while_down = await library.append(happened(VideoReady), happened(VideoReady))
    async with (
        running(database, dsn) as process,
        process.reader(ADMIN, after_id=before.ids[-1]) as after,
    ):
        later = await library.append(happened(VideoReady))
        await after.read(3)

    assert before.ids + after.ids == first + while_down + later
    assert before.subscriber.end_reason is End.SHUTDOWN
    assert before.control[-1].startswith("retry: ")


async def test_the_last_event_of_a_course_for_the_withdrawn_is_their_withdrawal(
    process: Process, library: Any, happened: Any
) -> None:
    await library.enroll("me", "student")
    await library.enroll("me", "student", "c2")
    async with process.reader(ME) as reader:
        await library.append(happened(VideoReady))
        await library.enroll("me", None)
        await library.append(happened(VideoReady), happened(PlaybackProgressed, "me"))
        await library.append(happened(VideoReady, course_id="c2"))
        await reader.read(3)

    assert [(one["type"], one["data"]["course_id"]) for one in reader.told] == [
        ("video.ready", "c1"),
        ("enrollment.changed", "c1"),
        ("video.ready", "c2"),
    ]
    assert reader.told[1]["data"]["role"] is None


async def test_replay_shows_the_withdrawn_only_their_own_enrolment(
    process: Process, library: Any, happened: Any
) -> None:
    await library.enroll("me", "student")
    await library.append(happened(VideoReady), happened(PlaybackProgressed, "me"))
    await library.enroll("me", None)
    await library.append(happened(VideoReady))
    await library.enroll("me", "student", "c2")
    async with process.reader(ME, after_id=0) as reader:
        await reader.read(3)

    assert reader.types == ["enrollment.changed"] * 3
    assert [one["data"]["role"] for one in reader.told] == ["student", None, "student"]


async def test_who_enrols_while_connected_sees_the_course_from_then_on(
    process: Process, library: Any, happened: Any
) -> None:
    async with process.reader(ME) as reader:
        await library.append(happened(VideoReady))
        await library.enroll("me", "student")
        await library.append(happened(VideoReady))
        await reader.read(2)

    assert reader.types == ["enrollment.changed", "video.ready"]


async def test_a_playback_grants_stream_ends_with_the_withdrawal(
    process: Process, library: Any, happened: Any
) -> None:
    version = await library.enroll("me", "student")
    video = await library.video()
    scope = Scope("me", video_id=video, course_id="c1", enrollment_version=version)
    async with process.reader(scope) as reader:
        await library.append(happened(VideoReady), happened(VideoReady, video_id=video))
        await library.enroll("me", None, "c1")
        await reader.read_to_the_end()
    async with process.reader(scope) as again:
        assert again.subscriber.end_reason is End.REVOKED

    assert reader.types == ["video.ready", "enrollment.changed"]
    assert reader.subscriber.end_reason is End.REVOKED


async def test_a_playback_grants_stream_ends_with_its_video(
    process: Process, library: Any, happened: Any
) -> None:
    version = await library.enroll("me", "student")
    video = await library.video()
    scope = Scope("me", video_id=video, course_id="c1", enrollment_version=version)
    async with process.reader(scope) as reader:
        await library.append(happened(VideoDeleted), happened(VideoDeleted, video_id=video))
        await reader.read_to_the_end()

    assert [one["data"]["video_id"] for one in reader.told] == [str(video)]
    assert reader.subscriber.end_reason is End.REVOKED


async def test_filters_narrow_live_and_replay_alike(
    process: Process, library: Any, happened: Any
) -> None:
    video: UUID = await library.video()
    wanted: dict[str, Any] = {"video_id": video, "types": frozenset({"video.ready"})}
    async with process.reader(ADMIN, **wanted) as live:
        await library.append(
            happened(VideoReady),
            happened(VideoReady, video_id=video),
            happened(VideoUploaded, video_id=video),
            happened(VideoReady, video_id=video),
        )
        await live.read(2)
    async with process.reader(ADMIN, after_id=0, **wanted) as replayed:
        await replayed.read(2)

    assert live.told == replayed.told
    assert {one["data"]["video_id"] for one in live.told} == {str(video)}


@pytest.mark.parametrize("place", [-1, 10**9], ids=["not-a-number", "above-the-newest"])
async def test_what_is_no_place_in_the_log_is_reset_to_the_newest(
    process: Process, library: Any, happened: Any, place: int
) -> None:
    newest = (await library.append(happened(VideoReady), happened(VideoReady)))[-1]
    async with process.reader(ADMIN, after_id=place) as reader:
        later = await library.append(happened(VideoReady))
        await reader.read(2)

    assert reader.told[0] == {"id": newest, "type": "reset", "data": {}}
    assert reader.ids == [newest, *later]


async def test_what_retention_dropped_is_reset_and_the_beginning_with_it(
    process: Process, library: Any, database: Database, happened: Any
) -> None:
    ids = await library.append(*(happened(VideoReady) for _ in range(4)))
    async with process.reader(ADMIN, after_id=0) as from_the_beginning:
        await from_the_beginning.read(4)
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM event_log WHERE id <= %s", (ids[1],))
        await transaction.execute("UPDATE event_log_retention SET dropped_id = %s", (ids[1],))

    firsts = []
    for place in (0, ids[0], ids[1]):
        async with process.reader(ADMIN, after_id=place) as reader:
            firsts.append((await reader.read(1)).told[0])

    assert from_the_beginning.ids == ids
    assert [(first["type"], first["id"]) for first in firsts] == [
        ("reset", ids[3]),
        ("reset", ids[3]),
        ("video.ready", ids[2]),
    ]


async def test_days_dropped_during_a_replay_are_published_as_a_reset(
    process: Process, library: Any, database: Database, happened: Any
) -> None:
    ids = await library.append(*(happened(VideoReady) for _ in range(500)))
    async with process.reader(ADMIN, after_id=0, slow=True) as reader:
        await reader.read(1)
        async with database.transaction() as transaction:
            await transaction.execute("UPDATE event_log_retention SET dropped_id = %s", (ids[450],))
        await reader.read(201)
        later = await library.append(happened(VideoReady))
        await reader.read(202)

    assert reader.types[200] == "reset"
    assert reader.ids == [*ids[:200], ids[-1], *later]


async def test_more_than_ten_thousand_of_ones_own_behind_is_a_reset_and_of_others_is_not(
    process: Process, library: Any, happened: Any
) -> None:
    await library.enroll("me", "student")
    [first] = await library.append(happened(VideoReady))
    newest = (await library.append(*(happened(PlaybackProgressed, "x") for _ in range(10_001))))[-1]

    async with process.reader(ADMIN, after_id=first) as too_far:
        await too_far.read(1)
    async with process.reader(ADMIN, after_id=first + 1) as just_near_enough:
        await just_near_enough.read(1)
    async with process.reader(ME, after_id=first - 1) as mine:
        await mine.read(1)

    assert (too_far.types[0], too_far.ids[0]) == ("reset", newest)
    assert just_near_enough.ids[0] == first + 2
    assert mine.types == ["video.ready"]


async def test_a_place_that_another_process_was_faster_to_show_is_none_to_reset(
    database: Database, dsn: str, library: Any, happened: Any
) -> None:
    process = Process(database, dsn, HubLimits())
    process.hub.open(0)  # as one whose tail is behind
    ids = await library.append(happened(VideoReady), happened(VideoReady))
    async with process.hub.subscribe(ADMIN, Filters(), ids[1]) as subscriber:
        for event_id in [*ids, ids[1] + 1]:
            process.hub.publish(event_id, happened(VideoReady))
        await process.hub.deliver()
        async with fed(subscriber) as reader:
            await reader.read(1)

    assert reader.ids == [ids[1] + 1]


async def test_limits_a_user_and_a_process(database: Database, dsn: str) -> None:
    async with running(database, dsn, HubLimits(per_user=1, total=2)) as process:
        async with process.reader(ME), process.reader(TEACHER):
            for scope, is_per_user in ((ME, True), (ADMIN, False)):
                with pytest.raises(TooManySubscribers) as refused:
                    async with process.reader(scope):
                        pass
                assert refused.value.is_per_user is is_per_user
        assert len(process.hub) == 0
        async with process.reader(ME):
            assert len(process.hub) == 1


async def test_who_has_gone_does_not_count_for_its_user(database: Database, dsn: str) -> None:
    async with (
        running(database, dsn, HubLimits(per_user=1)) as process,
        process.reader(ME) as gone,
    ):
        await gone.client.read()
        gone.client.is_gone = True
        async with process.reader(ME):
            assert len(process.hub) == 1
            await gone.read_to_the_end()
    assert len(process.hub) == 0


async def test_a_closed_hub_takes_nobody(process: Process) -> None:
    process.hub.close()

    with pytest.raises(HubClosed):
        async with process.reader(ME):
            pass


async def test_an_event_is_encoded_once_and_a_burst_leaves_in_one_piece(
    process: Process, library: Any, happened: Any
) -> None:
    async with process.reader(ADMIN) as one, process.reader(ADMIN) as other:
        await one.client.read()
        await other.client.read()
        await library.append(happened(VideoReady))
        pieces = [await one.client.read(), await other.client.read()]
        burst = await library.append(*(happened(VideoReady) for _ in range(20)))
        await one.read(20)

    assert pieces[0] is pieces[1]
    assert one.ids == burst
    assert len(other.client.unread) == 1


async def test_a_burst_longer_than_the_backlog_evicts_nobody_who_reads(
    database: Database, dsn: str, library: Any, happened: Any
) -> None:
    async with (
        running(database, dsn, HubLimits(backlog=1)) as process,
        process.reader(ADMIN) as reader,
    ):
        ids = await library.append(*(happened(VideoReady) for _ in range(150)))
        await reader.read(150)

    assert reader.ids == ids


async def test_a_slow_client_gets_what_waited_and_then_is_live_again(
    process: Process, library: Any, happened: Any
) -> None:
    async with process.reader(ADMIN, slow=True) as slow, process.reader(ADMIN) as other:
        ids: list[int] = []
        for _ in range(5):
            ids += await library.append(happened(VideoReady))
            await other.read(len(ids))
        assert len(slow.client.unread) == 1  # the opening; the rest waits in the backlog
        assert process.hub.waiting_count == 5
        assert process.hub.oldest_wait_s > 0.0
        await slow.read(5)
        ids += await library.append(happened(VideoReady))
        await slow.read(6)

    assert slow.ids == ids
    assert (process.hub.waiting_count, process.hub.oldest_wait_s) == (0, 0.0)


async def test_others_have_their_turn_while_an_event_is_delivered(
    process: Process, library: Any, happened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "WRITES_AT_ONCE", 1)
    monkeypatch.setattr(hub, "OFFERS_AT_ONCE", 1)
    turns: list[int] = []

    async def take_turns(clients: list[Client]) -> None:
        while not turns or turns[-1] < len(clients):
            turns.append(sum(bool(one.unread) for one in clients))
            await asyncio.sleep(0)

    async with AsyncExitStack() as opened, asyncio.timeout(20):
        readers = [await opened.enter_async_context(process.reader(ADMIN)) for _ in range(5)]
        for reader in readers:
            await reader.client.read()
        others = asyncio.create_task(take_turns([reader.client for reader in readers]))
        await library.append(happened(VideoReady))
        await others

    assert set(turns) == {0, 1, 2, 3, 4, 5}


async def test_who_has_gone_is_noticed_at_the_next_heartbeat(
    process: Process, clock: Clock
) -> None:
    async with process.reader(ADMIN) as reader:
        await reader.client.read()
        reader.client.is_gone = True
        await process.hub.beat()
        assert not reader.feeding.done()
        clock.pass_s(15)
        await process.hub.beat()
        await reader.read_to_the_end()


async def test_heartbeats_go_to_who_is_live_only(process: Process, clock: Clock) -> None:
    async with process.reader(ADMIN) as live, process.reader(ADMIN, slow=True) as slow:
        await live.client.read()
        for _ in range(2):
            clock.pass_s(15)
            await process.hub.beat()
        assert live.client.unread == [frames.HEARTBEAT] * 2
        assert len(slow.client.unread) == 1  # the opening


async def test_a_stream_ends_when_its_credential_expires(process: Process, clock: Clock) -> None:
    async with (
        process.hub.subscribe(ME, Filters(), None, expires_at=clock.now_s + 5) as subscriber,
        fed(subscriber) as reader,
    ):
        await reader.client.read()
        clock.pass_s(4)
        await process.hub.beat()
        assert subscriber.end_reason is None
        clock.pass_s(1.5)
        await process.hub.beat()
        await reader.read_to_the_end()
        assert subscriber.end_reason is End.EXPIRED


async def test_who_left_is_in_no_structure_any_more(
    process: Process, library: Any, happened: Any
) -> None:
    await library.enroll("me", "student")
    for _ in range(3):
        async with process.reader(ME) as reader:
            await library.append(happened(VideoReady))
            await reader.read(1)

    hub = process.hub
    assert (len(hub), len(hub._audiences), len(hub._heartbeats)) == (0, 0, 0)
    assert not hub._of_user
    assert not hub._audiences._groups
    assert not hub._heartbeats._slots
