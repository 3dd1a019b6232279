import pytest

from storage.formats import EXTENSIONS, TRAITS, SourceFormat, admits, admits_content


def test_every_format_has_its_traits() -> None:
    assert set(TRAITS) == set(EXTENSIONS)


@pytest.mark.parametrize(
    ("allowed", "source", "opened", "with_picture", "sound_alone"),
    [
        pytest.param(["mp4"], "mp4", True, True, False, id="mp4"),
        pytest.param(["mp4"], "3gp", True, True, False, id="3gp-is-mp4"),
        pytest.param(["mp4"], "m4a", True, True, False, id="m4a-is-mp4"),
        pytest.param(["webm"], "mp4", False, False, False, id="another"),
        pytest.param(["mp4"], "mov", False, False, False, id="mov-is-not-mp4"),
        pytest.param(["webm"], "mkv", False, False, False, id="mkv-is-not-webm"),
        pytest.param(["mp4", "audio"], "mp4", True, True, True, id="mp4-and-sound"),
        pytest.param(["audio"], "mp4", False, False, True, id="sound-in-a-format-not-allowed"),
        pytest.param(["audio"], "m4a", True, False, True, id="m4a-as-sound"),
        pytest.param(["audio"], "wav", True, True, True, id="wav"),
        pytest.param(["audio"], "ogg", True, False, True, id="ogg-as-sound"),
        pytest.param(["ogv"], "ogg", True, True, False, id="ogg-with-picture"),
    ],
)
def test_setting_admits_formats_and_sound_alone(
    allowed: list[str], source: SourceFormat, opened: bool, with_picture: bool, sound_alone: bool
) -> None:
    assert admits(allowed, source) is opened
    assert admits_content(allowed, source, has_picture=True) is with_picture
    assert admits_content(allowed, source, has_picture=False) is sound_alone
