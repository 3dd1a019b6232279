import pytest

from storage.playlists.alternatives import list_alternatives
from tests.storage.playlists.presentations import sound, text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([("Talk", "en"), ("Interpreter", "de")], ["Talk", "Interpreter"], id="titles"),
        pytest.param([(None, "en"), ("", "de")], ["en", "de"], id="languages"),
        pytest.param([(None, None), ("\n", "und")], ["1", "2"], id="neither"),
        pytest.param([("Talk", None)] * 3, ["Talk", "Talk (2)", "Talk (3)"], id="the same"),
        pytest.param(
            [("Talk", None), ("Talk (2)", None), ("Talk", None)],
            ["Talk", "Talk (2)", "Talk (3)"],
            id="like one made",
        ),
    ],
)
def test_labels_differ(names: list[tuple[str | None, str | None]], expected: list[str]) -> None:
    sounds = [sound(f"audio{n}", language, title) for n, (title, language) in enumerate(names)]

    assert [one.label for one in list_alternatives(sounds)] == expected


def test_the_first_of_a_language_is_chosen_by_it() -> None:
    languages = ["en", "de", "en", None, None]
    texts = [text(f"captions{n}", language) for n, language in enumerate(languages)]

    found = [one.is_chosen_by_language for one in list_alternatives(texts)]

    assert found == [True, True, False, True, False]


def test_one_is_the_default() -> None:
    first, second = sound("audio1"), sound("audio2")

    assert [one.is_default for one in list_alternatives([first, second], second)] == [False, True]
    assert [one.is_default for one in list_alternatives([first, second])] == [False, False]
