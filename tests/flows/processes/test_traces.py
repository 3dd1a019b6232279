"""A video's trace over real processes: from its upload to web to its work in the media worker."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from events.media.traces import root_id
from storage.samples import write_clock_mp4
from tests.handlers.uploads.tusing import OCTETS, VERSION, metadata
from tests.harness.running import stop
from tests.harness.serving import Serve, furnish, processed, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.server.tracing.collector import Collector, collecting

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


def test_resumed_upload_is_one_span_from_its_first_request_to_its_last(
    served: Serve, collector: Collector, tmp_path: Path
) -> None:
    """Each of its requests adds to the trace of the video, whatever its client says of traces."""
    file = tmp_path / "clock.mp4"
    write_clock_mp4(file, 2)

    sent = asyncio.run(_sent_in_parts(served, file.read_bytes(), collector))
    stop(served.process)  # what still waits is sent
    [upload], [root] = collector.named("upload"), collector.named("video")

    assert {one.trace_id for one in collector.spans} == {sent.video_id.bytes}
    assert upload.parent_span_id == root.span_id
    assert sent.asked_ns <= upload.start_time_unix_nano <= sent.created_ns
    assert sent.resumed_ns < upload.end_time_unix_nano <= root.end_time_unix_nano
    said = " ".join(str(one) for one in collector.spans)
    assert "lecture.mp4" not in said
    assert "root" not in said


class Sent(NamedTuple):
    """An upload in parts; times are Unix times: before and after its creation, and before the
    request that finished it."""

    video_id: UUID
    asked_ns: int
    created_ns: int
    resumed_ns: int


async def _sent_in_parts(served: Serve, content: bytes, collector: Collector) -> Sent:
    """Each part comes with a `traceparent` of its own, as from a client that is traced."""
    parts = [content[:1000], content[1000:2000], content[2000:]]
    async with served.client("root", "admin") as admin:
        await furnish(admin)
        asked_ns = time.time_ns()
        asked = {"Upload-Length": str(len(content)), "Upload-Metadata": metadata(), **VERSION}
        async with admin.post("/api/v1/uploads", headers=asked) as answer:
            assert answer.status == 201, await answer.text()
            location = answer.headers["Location"]
        created_ns, offset = time.time_ns(), 0
        for number, part in enumerate(parts, 1):
            resumed_ns = time.time_ns()
            parent = {"traceparent": f"00-{number:032x}-{number:016x}-01"}
            at = {"Upload-Offset": str(offset), **VERSION, **OCTETS, **parent}
            async with admin.patch(location, data=part, headers=at) as answer:
                assert answer.status in (200, 204), await answer.text()
                video_id = answer.headers.get("X-Video-ID", "")
            offset += len(part)
        await processed(admin, f"/api/v1/videos/{video_id}")
        await _until_told(collector)
    return Sent(UUID(video_id), asked_ns, created_ns, resumed_ns)


async def _uploaded(served: Serve, file: Path, collector: Collector) -> str:
    video = await ready_video(served, file)
    await _until_told(collector)
    return str(video["id"])


async def _until_told(collector: Collector) -> None:
    await wait_until(lambda: collector.named("process_video"), within_s=WITHIN_S)
