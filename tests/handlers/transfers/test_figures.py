"""States of transfers, and the figures that they leave behind."""

import os
import threading
import time

import pytest

from handlers.delivery.output import pump, read_ahead, writing
from handlers.token_bucket import TokenBucket
from handlers.transfers.figures import Doing
from handlers.transfers.transfers import Tally
from tests.handlers.support.delivering import VIDEO_ID
from tests.harness.waiting import wait_until

BARELY_S = 0.02


@pytest.fixture
def impatient(monkeypatch):
    for module in (pump, writing):
        monkeypatch.setattr(module, "FULL_AFTER_S", BARELY_S)


def doing(delivery):
    """The one state in which a transfer is, if one runs."""
    return [name for name, count in delivery.transfers.count_by_doing().items() if count]


async def is_doing(delivery, expected):
    return await wait_until(lambda: doing(delivery), lambda seen: seen == [expected.value])


def figures(delivery):
    return delivery.transfers.figures["stream"]


async def test_client_that_takes_nothing_is_waited_for(serving, connected, long_video, impatient):
    async with serving(long_video) as delivery, connected(delivery) as client:
        assert doing(delivery) == []
        await client.ask()
        await client.read_head()

        assert await is_doing(delivery, Doing.CLIENT)


async def test_client_that_takes_what_there_is_is_sent_to(serving, connected, long_video):
    async with serving(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()
        await client.read()

        assert doing(delivery) == [Doing.SENDING.value]


async def test_disk_is_waited_for(serving, connected, video, monkeypatch):
    real = os.preadv

    def cold(descriptor, buffers, offset, flags=0):
        return real(descriptor, buffers, offset) if not flags else 0

    disk = threading.Event()
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask("HEAD")  # opens the file
        await client.read_head()
        monkeypatch.setattr(read_ahead, "is_in_memory", lambda *_: False)
        monkeypatch.setattr(os, "preadv", cold)
        for _ in range(2):
            delivery.pool.submit(disk.wait)
        try:
            await client.ask()
            assert await is_doing(delivery, Doing.DISK)
            assert sum(figures(delivery).first_byte_s.counts) == 0
        finally:
            disk.set()
        await client.read_head()
        await client.read()
        await wait_until(lambda: sum(figures(delivery).first_byte_s.counts) == 1)


async def test_pace_is_waited_for(serving, connected, video):
    async with serving(video) as delivery, connected(delivery) as client:
        delivery.bandwidth = TokenBucket(1000, 100, time.monotonic())
        await client.ask()

        assert await is_doing(delivery, Doing.PACED)


async def test_figures_of_a_transfer_that_arrived(serving, connected, video, content):
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask(Range="bytes=0-65535")
        await client.read_head()
        await client.read_body(65536)
        await delivery.ended()
        await client.ask()
        await client.read_head()
        await client.read_body(len(content))
        await delivery.ended()

    found = figures(delivery)
    assert found.asked_bytes.total == 65536 + len(content)
    assert sum(found.asked_bytes.counts) == 2
    assert sum(found.first_byte_s.counts) == sum(found.duration_s.counts) == 2
    assert 0 < found.first_byte_s.total <= found.duration_s.total
    assert not delivery.transfers.broken_counts.total()


async def test_answer_without_a_body_is_in_no_figure(serving, connected, video):
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask("HEAD")
        await client.read_head()
        await delivery.ended()

    found = figures(delivery)
    counts = (found.asked_bytes.counts, found.first_byte_s.counts, found.duration_s.counts)
    assert [sum(one) for one in counts] == [0, 0, 0]


async def test_transfer_that_broke_is_counted_by_its_reason(serving, connected, long_video):
    async with serving(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()
        await client.read()
        client.reset()
        await delivery.ended()

    broken = delivery.transfers.broken_counts
    assert {reason: count for reason, count in broken.items() if count} == {"client_gone": 1}


async def test_what_went_at_once_is_among_the_sizes_and_taking_back_is_not(serving, video):
    async with serving(video) as delivery:
        tally = Tally(delivery.transfers, "ann", "c1", VIDEO_ID, "stream")
        tally.note_sent(1000)
        tally.take_back(400)

        assert figures(delivery).asked_bytes.total == 1000
        assert sum(figures(delivery).asked_bytes.counts) == 1
        assert delivery.transfers.sent_bytes("stream") == 600
