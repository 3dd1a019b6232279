import pytest

from storage.conversion.transcode_limits import transcode_budget

MINUTE_OF_1080P = (1920, 1080, 60.0, 25.0, 50_000_000)


def test_all_grows_with_what_there_is_to_do() -> None:
    least = transcode_budget(160, 90, 1.0, 25.0, 10_000)
    usual = transcode_budget(*MINUTE_OF_1080P)

    assert least.cpu_s == 121
    assert usual.cpu_s == 120 + 778 + 15
    assert usual.timeout_s == 4 * usual.cpu_s
    assert least.memory_bytes < usual.memory_bytes < 2 << 30
    assert usual.file_bytes > 50_000_000 + least.file_bytes


@pytest.mark.parametrize("frame_rate", [None, 30.0])
def test_unknown_rate_is_the_usual_one(frame_rate: float | None) -> None:
    assert transcode_budget(160, 90, 600.0, frame_rate, 0).cpu_s == 335


def test_sound_of_a_long_film_of_few_pixels_fits() -> None:
    """Four hours at one picture a second; sound alone took 560 s and 350 MB of a stereo track."""
    budget = transcode_budget(160, 90, 4 * 3600.0, 1.0, 57_000_000)

    assert budget.cpu_s > 6 * 560
    assert budget.file_bytes > 4 * 350_000_000
