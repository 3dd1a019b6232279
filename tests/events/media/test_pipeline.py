"""From an uploaded file to a video that can be watched, with the media work faked."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.errors import DatabaseFull, DatabaseUnavailable
from db.videos import processing
from events.media import pictures, pipeline, served_files, storyboards
from storage.errors import (
    MediaCrashed,
    MediaInterrupted,
    MediaTimedOut,
    NoVideo,
    StorageFull,
    StorageGone,
    StorageReadOnly,
    TooComplex,
    Truncated,
    Undecodable,
    UnsupportedFormat,
)
from tests.events.workshop import SIZES, Killed, Workshop, names_of, new_video
from tests.films.plain_media import INDEX_FIRST, INDEX_LAST, read, sha256


async def test_uploaded_video_has_row_event_and_job(workshop: Workshop) -> None:
    video_id = await workshop.enter()

    jobs = await workshop.database.fetch_all(
        "SELECT task_name, queue_name, lock, args FROM procrastinate_jobs"
    )
    video = await workshop.video(video_id)
    assert jobs == [("process_video", "media", str(video_id), {"video_id": str(video_id)})]
    assert (video.status, video.processing_ratio) == ("processing", 0)
    assert await workshop.events() == ["uploaded"]


async def test_nothing_is_entered_into_a_module_that_is_gone(workshop: Workshop) -> None:
    async with workshop.database.transaction() as transaction:
        await transaction.execute("UPDATE modules SET deleted_at = now()")

    assert await pipeline.enter(workshop.database, new_video(), uuid4()) is None

    assert await workshop.events() == []
    assert await workshop.database.fetch_all("SELECT id FROM procrastinate_jobs") == []


@pytest.mark.parametrize(
    ("container", "original", "served", "calls"),
    [
        pytest.param("mp4", INDEX_FIRST, INDEX_FIRST, [], id="MP4 in order"),
        pytest.param("mp4", INDEX_LAST, b"remuxed " + INDEX_LAST, ["remux"], id="index last"),
        pytest.param("webm", b"webm", b"remuxed webm", ["remux"], id="WebM"),
    ],
)
async def test_video_becomes_ready(
    workshop: Workshop, container: str, original: bytes, served: bytes, calls: list[str]
) -> None:
    video_id = await workshop.enter(original, container=container)

    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert (video.status, video.processing_ratio) == ("ready", 1)
    assert video.original_sha256 == sha256(original)
    file = video.served_file
    assert (file.sha256, file.size_bytes) == (sha256(served), len(served))
    assert (file.format, file.mime_type) == (container, video.media.mime_type)
    assert [(row.size_name, row.width_px, row.mime_type) for row in video.thumbnails] == [
        (*size, f"image/{kind}") for size in SIZES for kind in ("avif", "jpeg", "webp")
    ]
    assert workshop.sandbox.calls == [*calls, "thumbnails", "webp+avif", "storyboard"]
    assert await workshop.files(video_id) == names_of(served, container)
    path = workshop.storage.asset("c1", video_id, file.file_name)
    assert await read(path) == served


async def test_progress_is_reported_and_only_rises(workshop: Workshop) -> None:
    await workshop.run(await workshop.enter())

    ratios = await workshop.ratios()
    assert ratios == sorted(ratios)
    assert len(set(ratios)) == len(ratios) > 1
    assert 0 < ratios[-1] < 1
    assert await workshop.events() == [
        "uploaded",
        *["processing"] * len(ratios),
        "ready",
        *["updated"] * 2,
    ]


async def test_second_run_changes_nothing(workshop: Workshop) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    await workshop.run(video_id)
    before = (await workshop.video(video_id), await workshop.events())
    files = await workshop.files(video_id)

    await workshop.run(video_id)
    await workshop.pipeline.give_up(video_id)

    assert (await workshop.video(video_id), await workshop.events()) == before
    assert await workshop.files(video_id) == files


@pytest.mark.parametrize("content", [INDEX_FIRST, INDEX_LAST], ids=["in order", "index last"])
@pytest.mark.parametrize(
    "step",
    ["sha256_file", "link_asset", "adopt_asset", "asset_name", "remove_asset"],
)
@pytest.mark.parametrize("survived", [0, 1, 4])
async def test_worker_killed_between_steps_costs_only_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, content: bytes, step: str, survived: int
) -> None:
    video_id = await workshop.enter(content)
    with monkeypatch.context() as patched:
        dying = killed_after(survived, getattr(served_files, step))
        patched.setattr(served_files, step, dying)
        for later in (pictures, storyboards):
            patched.setattr(later, step, dying, raising=False)
        with suppress(Killed):  # a step that is not taken kills nobody
            await workshop.run(video_id)

    await workshop.run(video_id)

    served = content if content is INDEX_FIRST else b"remuxed " + content
    assert (await workshop.video(video_id)).status == "ready"
    assert await workshop.files(video_id) == names_of(served)
    assert (await workshop.events()).count("ready") == 1


@pytest.mark.parametrize("step", ["remux", "thumbnails", "webp+avif", "storyboard"])
async def test_worker_killed_in_media_work_costs_only_time(workshop: Workshop, step: str) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures[step] = Killed()
    with pytest.raises(Killed):
        await workshop.run(video_id)
    workshop.sandbox.failures.clear()

    await workshop.run(video_id)

    assert await workshop.files(video_id) == names_of(b"remuxed " + INDEX_LAST)
    assert (await workshop.events()).count("ready") == 1


def killed_after(survived: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but for the call after `survived` ones: it ends the worker."""
    calls = 0

    def dying(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == survived + 1:
            raise Killed
        return function(*arguments)

    return dying


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Undecodable("/srv/secret"), "undecodable"),
        (Truncated("/srv/secret"), "undecodable"),
        (UnsupportedFormat("/srv/secret"), "unsupported-format"),
        (NoVideo("/srv/secret"), "no-video"),
        (TooComplex("/srv/secret"), "too-complex"),
        (MediaTimedOut("/srv/secret"), "timed-out"),
        (MediaCrashed("/srv/secret"), "internal"),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else it,
)
@pytest.mark.parametrize("step", ["transcode to mp4", "thumbnails"])
async def test_what_another_attempt_would_find_again_fails_at_once(
    workshop: Workshop, step: str, failure: Exception, code: str
) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    if step != "thumbnails":
        workshop.sandbox.failures["remux"] = failure
    workshop.sandbox.failures[step] = failure

    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert (video.status, video.failure_code) == ("failed", code)
    assert video.failure_detail is not None
    assert video.failure_detail.endswith(".")
    assert "secret" not in video.failure_detail
    assert await workshop.files(video_id) == ["original.mp4"]
    assert (await workshop.events())[-1] == "failed"
    assert not await retried(workshop, video_id), "a verdict stays"


@pytest.mark.parametrize(
    "failure",
    [Undecodable("x"), NoVideo("x"), TooComplex("x"), MediaTimedOut("x"), MediaCrashed("x")],
    ids=lambda it: type(it).__name__,
)
async def test_file_that_cannot_be_copied_is_converted(
    workshop: Workshop, failure: Exception
) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures["remux"] = failure

    await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "ready"
    assert workshop.sandbox.calls[:3] == ["remux", "probe", "transcode to mp4"]


@pytest.mark.parametrize(
    "failure",
    [
        MediaInterrupted("x"),
        StorageFull("x"),
        StorageGone("x"),
        StorageReadOnly("x"),
        OSError("x"),
        RuntimeError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_may_pass_is_left_for_another_attempt(
    workshop: Workshop, failure: Exception
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = failure

    with pytest.raises(type(failure)):
        await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "processing"
    workshop.sandbox.failures.clear()
    await workshop.run(video_id)
    assert (await workshop.video(video_id)).status == "ready"


@pytest.mark.parametrize(
    ("failure", "code", "is_raised"),
    [
        (MediaInterrupted("/srv/secret"), "internal", False),
        (StorageFull("/srv/secret"), "out-of-space", False),
        (StorageGone("/srv/secret"), "internal", True),
        (RuntimeError("/srv/secret"), "internal", True),
    ],
    ids=["MediaInterrupted", "StorageFull", "StorageGone", "RuntimeError"],
)
async def test_last_attempt_leaves_no_video_processing(
    workshop: Workshop, failure: Exception, code: str, is_raised: bool
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = failure

    if is_raised:  # for the job's own record
        with pytest.raises(type(failure)):
            await workshop.run(video_id, is_last_attempt=True)
    else:
        await workshop.run(video_id, is_last_attempt=True)

    video = await workshop.video(video_id)
    assert (video.status, video.failure_code) == ("failed", code)
    assert "secret" not in (video.failure_detail or "")
    assert await workshop.files(video_id) == ["original.mp4"]
    assert await retried(workshop, video_id)
    workshop.sandbox.failures.clear()
    await workshop.run(video_id)
    assert (await workshop.video(video_id)).status == "ready"


@pytest.mark.parametrize("outage", [DatabaseUnavailable(), DatabaseFull()], ids=["away", "full"])
async def test_outage_of_the_database_condemns_no_video_and_leaves_none_without_a_job(
    workshop: Workshop, outage: Exception
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = outage

    with pytest.raises(type(outage)):
        await workshop.run(video_id, is_last_attempt=True)
    assert (await workshop.video(video_id)).status == "processing"

    assert await jobs_of(workshop, video_id) == 1
    await workshop.pipeline.enqueue_stuck()
    assert await jobs_of(workshop, video_id) == 1  # it is not finished yet
    async with workshop.database.transaction() as transaction:
        await transaction.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    await workshop.pipeline.enqueue_stuck()
    assert await jobs_of(workshop, video_id) == 1

    workshop.sandbox.failures.clear()
    await workshop.run(video_id)
    assert (await workshop.video(video_id)).status == "ready"


async def jobs_of(workshop: Workshop, video_id: UUID) -> int:
    """Jobs of the video that are still to do."""
    sql = "SELECT id FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'"
    return len(await workshop.database.fetch_all(sql, (str(video_id),)))


async def retried(workshop: Workshop, video_id: UUID) -> bool:
    async with workshop.database.transaction() as transaction:
        return await processing.retry(transaction, video_id)


async def test_cancelled_attempt_is_no_failure_even_if_it_is_the_last(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = asyncio.CancelledError()

    with pytest.raises(asyncio.CancelledError):
        await workshop.run(video_id, is_last_attempt=True)

    assert (await workshop.video(video_id)).status == "processing"


async def test_missing_original_is_an_internal_failure(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    original = workshop.storage.asset("c1", video_id, "original.mp4")
    await asyncio.to_thread(original.unlink)

    with pytest.raises(FileNotFoundError):
        await workshop.run(video_id, is_last_attempt=True)

    assert (await workshop.video(video_id)).failure_code == "internal"


async def test_failed_video_stays_failed(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    await workshop.pipeline.give_up(video_id)
    before = await workshop.events()

    await workshop.run(video_id)
    await workshop.pipeline.give_up(video_id)

    assert (await workshop.video(video_id)).status == "failed"
    assert await workshop.events() == before == ["uploaded", "failed"]


async def test_deleted_video_is_left_alone(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    await workshop.hide(video_id)

    await workshop.run(video_id)
    await workshop.pipeline.give_up(video_id)

    assert workshop.sandbox.calls == []
    assert await workshop.files(video_id) == ["original.mp4"]
    assert await workshop.events() == ["uploaded"]


async def test_video_that_never_was_is_no_error(workshop: Workshop) -> None:
    await workshop.run(uuid4())
    await workshop.pipeline.give_up(uuid4())


@pytest.mark.parametrize("step", ["remux", "thumbnails"])
async def test_video_deleted_during_the_work_can_be_restored_and_finished(
    workshop: Workshop, step: str
) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures[step] = lambda: workshop.hide(video_id)
    await workshop.run(video_id)
    assert "ready" not in await workshop.events()
    assert "original.mp4" in await workshop.files(video_id)

    workshop.sandbox.failures.clear()
    await workshop.restore(video_id)
    await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "ready"
    assert await workshop.files(video_id) == names_of(b"remuxed " + INDEX_LAST)
