"""Findings on first pictures: times beside those of a bare page, and ratios round by round."""

from benchmarks.viewing.first_frame import Sample, is_done, verdicts


def test_ratios_are_those_of_each_round() -> None:
    rounds = [
        {"bare": Sample(100, 20), "watch": Sample(200, 30)},
        {"bare": Sample(400, 10), "watch": Sample(600, 30)},
    ]

    assert list(verdicts("file", rounds)) == [
        "file, first picture, ms: 400 [200 to 600], goal 400",
        "file, first picture, ms, bare <video>: 250 [100 to 400]; ours of it 1.75 [1.50 to 2.00]",
        "file, seek to picture, ms: 30 [30 to 30], goal 150",
        "file, seek to picture, ms, bare <video>: 15 [10 to 20]; ours of it 2.25 [1.50 to 3.00]",
    ]


def test_a_lecture_is_measured_once_all_of_its_ladder_is_there() -> None:
    def video(*states: str) -> dict[str, object]:
        return {"status": "ready", "renditions": [{"state": state} for state in states]}

    assert is_done(video(), 0)
    assert not is_done(video(), 2)
    assert is_done(video("ready", "ready"), 2)
    assert not is_done(video("ready", "waiting"), 2)
    assert not is_done({"status": "processing", "renditions": []}, 0)
