"""Descriptors: opened once, bounded, never closed under a transfer, never leaked."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from handlers.delivery.errors import FileUnavailable
from handlers.delivery.open_files import OpenFiles, Representation
from storage.concurrency.bounded_cache import CacheFigures
from storage.disk import Disk


class CountingPool(ThreadPoolExecutor):
    opened = 0

    def submit(self, fn, /, *args, **kwargs):
        self.opened += 1
        return super().submit(fn, *args, **kwargs)


@pytest.fixture
def pool():
    with CountingPool(1) as pool:
        yield pool


@pytest.fixture
def stored(tmp_path):
    """Make a file of so many bytes and tell what is known of it."""

    def store(name, size_bytes=10):
        path = tmp_path / name
        path.write_bytes(bytes(size_bytes))
        return Representation(path, name, size_bytes, "video/mp4", "e", 0)

    return store


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def test_a_file_is_opened_once_however_many_ask(pool, stored):
    one = stored("a")
    with OpenFiles(Disk(pool)) as files:

        async def ask():
            async with files.open(one) as file:
                return file.descriptor

        assert len({await task for task in [asyncio.create_task(ask()) for _ in range(20)]}) == 1
        assert len({await ask() for _ in range(20)}) == 1
        assert pool.opened == 1
        assert files.cache_figures() == CacheFigures(entry_count=1, hit_count=20, miss_count=20)


async def test_the_least_recently_used_file_leaves(pool, stored):
    a, b, c = stored("a"), stored("b"), stored("c")
    with OpenFiles(Disk(pool), capacity=2) as files:
        for representation in (a, b, a, c, a):
            async with files.open(representation):
                pass

        assert len(files) == 2
        assert pool.opened == 3


async def test_more_files_than_the_cache_holds_are_served_at_once(pool, stored):
    with OpenFiles(Disk(pool), capacity=1) as files:

        async def ask(representation):
            async with files.open(representation) as file:
                await asyncio.sleep(0)
                return is_open(file.descriptor)

        asked = [ask(stored(f"{place % 5}")) for place in range(50)]
        assert all(await asyncio.gather(*asked))


@pytest.mark.parametrize("lets_go", ["evict", "forget", "close"])
async def test_a_file_in_use_is_closed_by_its_last_user(pool, stored, lets_go):
    a, b = stored("a"), stored("b")
    with OpenFiles(Disk(pool), capacity=1) as files:
        async with files.open(a) as file:
            if lets_go == "evict":
                async with files.open(b):
                    pass
            elif lets_go == "forget":
                files.forget(a.path)
            else:
                files.__exit__(None, None, None)
            assert is_open(file.descriptor)
        assert not is_open(file.descriptor)


async def test_leaving_closes_every_file(pool, stored):
    with OpenFiles(Disk(pool)) as files:
        async with files.open(stored("a")) as file:
            pass
        assert is_open(file.descriptor)
    assert not is_open(file.descriptor)


async def test_forgetting_what_is_not_open_is_nothing(pool, tmp_path):
    with OpenFiles(Disk(pool)) as files:
        files.forget(tmp_path / "never")


@pytest.mark.parametrize("fault", ["missing", "shorter", "longer", "directory", "link"])
async def test_what_is_not_the_recorded_file_is_unavailable(pool, stored, fault):
    one = stored("a")
    if fault in ("shorter", "longer"):
        os.truncate(one.path, 9 if fault == "shorter" else 11)
    else:
        one.path.unlink()
    if fault == "directory":
        one.path.mkdir()
    if fault == "link":
        one.path.symlink_to(stored("b").path)

    with OpenFiles(Disk(pool)) as files:
        with pytest.raises(FileUnavailable) as caught:
            async with files.open(one):
                pass

        assert caught.value.path == one.path
        assert len(files) == 0


async def test_a_file_that_comes_back_is_opened(pool, stored):
    one = stored("a")
    one.path.unlink()
    with OpenFiles(Disk(pool)) as files:
        with pytest.raises(FileUnavailable):
            async with files.open(one):
                pass
        stored("a")
        async with files.open(one) as file:
            assert is_open(file.descriptor)


async def test_an_asker_that_goes_away_takes_nothing_from_the_others(pool, stored):
    one, disk = stored("a"), threading.Event()
    with OpenFiles(Disk(pool)) as files:

        async def ask():
            async with files.open(one) as file:
                return is_open(file.descriptor)

        pool.submit(disk.wait)
        first, second = asyncio.create_task(ask()), asyncio.create_task(ask())
        await asyncio.sleep(0)
        first.cancel()
        disk.set()

        assert await second
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_file_opened_after_the_end_is_closed(pool, stored):
    before, disk = len(os.listdir("/proc/self/fd")), threading.Event()
    with OpenFiles(Disk(pool)) as files:
        pool.submit(disk.wait)
        asking = asyncio.create_task(files.open(stored("a")).__aenter__())
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    disk.set()
    await asyncio.get_running_loop().run_in_executor(pool, int)
    await asyncio.sleep(0)

    assert len(os.listdir("/proc/self/fd")) <= before


async def test_removed_files_are_let_go_when_their_last_transfer_ends(pool, stored):
    kept, removed, sent = stored("kept"), stored("removed"), stored("sent")
    with OpenFiles(Disk(pool)) as files:
        async with files.open(kept) as kept_file, files.open(removed) as removed_file:
            pass
        async with files.open(sent) as sent_file:
            for one in (removed, sent):
                await asyncio.to_thread(one.path.unlink)

            await files.forget_removed()

            assert is_open(kept_file.descriptor)
            assert not is_open(removed_file.descriptor)
            assert is_open(sent_file.descriptor)
        assert not is_open(sent_file.descriptor)
        assert len(files) == 1


async def test_all_files_are_looked_at_by_one_call_of_a_thread(pool, stored):
    class Counting(Disk):
        calls = 0

        def start(self, *args, **kwargs):
            self.calls += 1
            return super().start(*args, **kwargs)

    disk = Counting(pool)
    with OpenFiles(disk) as files:
        await files.forget_removed()
        assert disk.calls == 0
        for name in ("one", "two", "three"):
            async with files.open(stored(name)):
                pass
        opened = disk.calls
        await files.forget_removed()

    assert disk.calls == opened + 1


async def test_file_that_pushed_out_another_while_it_was_looked_at_stays(pool, stored):
    one = stored("one")
    with OpenFiles(Disk(pool)) as files:
        async with files.open(one):
            pass
        await asyncio.to_thread(one.path.unlink)
        looking = asyncio.create_task(files.forget_removed())
        await asyncio.sleep(0)
        files.forget(one.path)
        await asyncio.to_thread(one.path.write_bytes, bytes(10))
        async with files.open(one) as again:
            await looking
            assert is_open(again.descriptor)
        assert len(files) == 1
