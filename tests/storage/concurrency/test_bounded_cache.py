import pytest

from storage.concurrency.bounded_cache import BoundedCache, CacheFigures

Cache = BoundedCache[str, int]


@pytest.fixture
def cache() -> Cache:
    """A full cache: a third entry evicts one."""
    cache = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    return cache


def test_a_full_one_forgets_the_oldest_and_returns_it(cache: Cache) -> None:
    assert cache.put("c", 3) == 1
    assert list(cache) == ["b", "c"]


def test_what_fits_pushes_nothing_out() -> None:
    assert Cache(1).put("a", 1) is None


def test_an_entry_that_was_got_stays_longer(cache: Cache) -> None:
    assert cache.get("a") == 1
    assert cache.put("c", 3) == 2


def test_an_entry_that_was_only_peeked_at_does_not(cache: Cache) -> None:
    assert cache.peek("a") == 1
    assert cache.put("c", 3) == 1


def test_an_entry_that_was_renewed_stays_longer(cache: Cache) -> None:
    cache.renew("a")
    assert cache.put("c", 3) == 2


def test_an_entry_that_was_put_again_stays_longer_and_takes_no_second_place(cache: Cache) -> None:
    assert cache.put("a", 5) is None
    assert cache.put("c", 3) == 2
    assert cache.get("a") == 5


def test_entries_are_listed_as_they_were(cache: Cache) -> None:
    for key, _ in cache.items():
        cache.forget(key)
    assert len(cache) == 0


def test_what_is_not_there_is_none(cache: Cache) -> None:
    assert (cache.get("c"), cache.peek("c"), cache.forget("c")) == (None, None, None)
    assert "c" not in cache


def test_a_forgotten_entry_makes_room(cache: Cache) -> None:
    assert cache.forget("a") == 1
    assert len(cache) == 1
    assert cache.put("c", 3) is None


def test_a_cleared_one_is_empty(cache: Cache) -> None:
    cache.clear()
    assert (len(cache), cache.peek("a")) == (0, None)


def test_look_ups_are_counted_and_a_stale_entry_is_one_that_was_not_found(cache: Cache) -> None:
    for key in ("a", "a", "b", "c"):
        cache.get(key)
    cache.peek("a")
    cache.get("b")
    cache.count_stale()

    assert cache.figures() == CacheFigures(entry_count=2, hit_count=3, miss_count=2)
