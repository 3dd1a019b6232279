"""A video's trace over real processes: from its upload to web to its work in the media worker."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from events.media.traces import root_id
from storage.samples import write_clock_mp4
from tests.running import stop
from tests.server.tracing.collector import Collector, collecting
from tests.serving import Serve, ready_video, served_from
from tests.waiting import wait_until

WITHIN_S = 30.0


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def served(tmp_path: Path, made_cluster: Path, collector: Collector) -> Iterator[Serve]:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with served_from(tmp_path, made_cluster, **settings) as found:
        found.start()
        yield found


def test_upload_and_media_work_are_one_trace(
    served: Serve, collector: Collector, tmp_path: Path
) -> None:
    file = tmp_path / "clock.mp4"
    write_clock_mp4(file, 2)

    video_id = UUID(asyncio.run(_uploaded(served, file, collector)))
    stop(served.process)  # what still waits is sent
    [root], [upload], [publish] = (collector.named(one) for one in ("video", "upload", "publish"))
    [job] = collector.named("process_video")
    steps = [one for one in collector.spans if one.parent_span_id == job.span_id]

    assert {one.trace_id for one in collector.spans} == {video_id.bytes}
    assert root.span_id == root_id(video_id).to_bytes(8)
    assert {one.parent_span_id for one in (upload, publish, job)} == {root.span_id}
    assert not root.parent_span_id
    assert {collector.roles[one.span_id] for one in (upload, publish)} == {"web"}
    assert {collector.roles[one.span_id] for one in (root, job, *steps)} == {"worker"}
    assert "thumbnails" in {one.name for one in steps}
    assert upload.end_time_unix_nano <= publish.start_time_unix_nano <= job.start_time_unix_nano
    assert all(
        job.start_time_unix_nano <= one.start_time_unix_nano
        and one.end_time_unix_nano <= job.end_time_unix_nano
        for one in steps
    )


async def _uploaded(served: Serve, file: Path, collector: Collector) -> str:
    video = await ready_video(served, file)

    async def roots() -> int:
        return len(collector.named("process_video"))

    await wait_until(roots, bool, within_s=WITHIN_S)
    return str(video["id"])
