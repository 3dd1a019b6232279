"""Spans of a video's work: their places in its trace."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from events.media.traces import Span, Traces, root_id
from storage.errors import Undecodable

VIDEO, OTHER = UUID(int=7 << 64), UUID(int=9 << 64)


def test_steps_are_within_those_around_them() -> None:
    spans: list[Span] = []
    traces = Traces(spans.append)

    with traces.of(VIDEO), traces.step("job"):
        with traces.step("probe"):
            pass
        with traces.of(OTHER), traces.step("elsewhere"):
            pass
    probe, elsewhere, job = spans

    assert (probe.name, probe.parent_id, probe.trace_id) == ("probe", job.span_id, VIDEO.int)
    assert (job.parent_id, job.outcome) == (root_id(VIDEO), "done")
    assert (elsewhere.parent_id, elsewhere.trace_id) == (root_id(OTHER), OTHER.int)
    assert job.began_ns <= probe.began_ns <= probe.ended_ns <= job.ended_ns


def test_an_error_is_the_outcome_by_its_code() -> None:
    spans: list[Span] = []
    traces = Traces(spans.append)
    with pytest.raises(Undecodable), traces.of(VIDEO), traces.step("probe"):
        raise Undecodable
    assert [one.outcome for one in spans] == [Undecodable.code]


def test_the_root_has_the_id_that_others_name() -> None:
    spans: list[Span] = []
    traces = Traces(spans.append)

    traces.note(VIDEO, "upload", 1, 2)
    traces.settle(VIDEO, datetime(2026, 1, 1, tzinfo=UTC), "no-video")
    upload, root = spans

    assert upload.parent_id == root.span_id
    assert (root.parent_id, root.outcome) == (None, "no-video")
    assert root.began_ns == datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e9


def test_steps_of_no_video_are_no_spans() -> None:
    spans: list[Span] = []
    with Traces(spans.append).step("examine"):
        pass
    with Traces().of(VIDEO), Traces().step("probe"):
        pass
    assert spans == []
