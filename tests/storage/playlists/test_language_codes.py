import pytest

from storage.playlists.language_codes import shortest_tag


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        pytest.param("eng", "en", id="terminology"),
        pytest.param("deu", "de", id="terminology where there are two"),
        pytest.param("ger", "de", id="bibliographic"),
        pytest.param("GER-AT", "de-AT", id="with a region"),
        pytest.param("en", "en", id="two letters"),
        pytest.param("gsw", "gsw", id="none of two letters"),
        pytest.param("und", "und", id="undetermined"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_language_has_two_letters_where_it_can(tag: str, expected: str) -> None:
    assert shortest_tag(tag) == expected
