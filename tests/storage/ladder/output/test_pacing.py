from collections.abc import Iterator

import pytest

from storage.ladder.output.pacing import fill, skip_unseen


def row(text: str) -> list[tuple[int, str]]:
    return [(int(one[:-1]), one[-1]) for one in text.split()]


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        pytest.param("4a 5b 6c 7d", "aab", id="steady, a part of it"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_nothing_is_made_up(pictures: str, expected: str) -> None:
    shown = "".join(picture for _, picture in fill(row(pictures), 3, 6))

    assert shown == expected


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        pytest.param("0a 1b 2c 3d", "abcd", id="steady"),
        pytest.param("0a 3d", "aaad", id="a gap"),
        pytest.param("0a 1b 1c 2d", "acdd", id="two at one place"),
        pytest.param("2a 3b", "aaab", id="late"),
        pytest.param("0a 1b", "abbb", id="an early end"),
        pytest.param("9a", "aaaa", id="later than the piece"),
        pytest.param("-9a -1b 2c", "bbcc", id="from before the piece"),
        pytest.param("0a 2b 9c", "aabb", id="beyond the piece"),
    ],
)
def test_each_place_shows_the_picture_that_stands_there(pictures: str, expected: str) -> None:
    shown = [*fill(row(pictures), 0, 4)]

    assert [place for place, _ in shown] == [0, 1, 2, 3]
    assert "".join(picture for _, picture in shown) == expected


def test_no_picture_is_asked_for_behind_the_end() -> None:
    def pictures() -> Iterator[tuple[int, str]]:
        yield from row("0a 4b")
        pytest.fail("one more was asked for")

    assert len([*fill(pictures(), 0, 4)]) == 4


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        pytest.param("0a 1b 2c 3d 4e", "2c 3d 4e", id="those before the start"),
        pytest.param("0a 1b 3d", "1b 3d", id="one before the start stays"),
        pytest.param("0a 2b 2c 3d", "2c 3d", id="two at the start"),
        pytest.param("3a 4b", "3a 4b", id="all later"),
        pytest.param("0a 1b", "1b", id="all earlier"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_pictures_that_are_replaced_before_the_start_are_left_out(
    pictures: str, expected: str
) -> None:
    assert [*skip_unseen(row(pictures), 2)] == row(expected)
