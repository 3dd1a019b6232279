"""Withdrawals and deletions: grants are revoked, transfers end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.videos import videos
from handlers import keys
from handlers.access.rules import Access
from tests.handlers.support.playing import (
    REVOKED,
    WITHDRAWN_WITHIN_S,
    becomes,
    change,
    enrolled,
    playback,
    stream_of,
    write_filled_mp4,
)
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def long_video(shared_service: Any, mp4: Path, tmp_path_factory: Any) -> Any:
    """One that takes a while to send to who reads slowly."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    await asyncio.to_thread(write_filled_mp4, mp4, path)
    return await shared_service.ready_video(path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doomed_video(shared_service: Any, mp4: Path, tmp_path_factory: Any) -> Any:
    """As `long_video`, in a course of its own."""
    await shared_service.put("courses/doomed", {"title": "Doomed"})
    await shared_service.put("courses/doomed/enrollments/tess", {"role": "instructor"})
    await shared_service.put("courses/doomed/enrollments/ada", {"role": "student"})
    await shared_service.put("courses/doomed/modules/fated", {"title": "Fated", "position": 1})
    path = tmp_path_factory.mktemp("doomed") / "long.mp4"
    await asyncio.to_thread(write_filled_mp4, mp4, path)
    return await shared_service.ready_video(path, "fated")


class TestWithdrawal:
    """Each of its own user, so that the others go on."""

    @pytest.mark.parametrize("how", ["DELETE", "PUT"])
    async def test_kills_grants_within_five_seconds(
        self, shared_service: Any, video: Any, how: str
    ) -> None:
        who = await enrolled(shared_service, f"leaver-{how}")
        told = await playback(shared_service, video, who)
        assert (await shared_service.ask(None, "HEAD", told["stream_url"])).status == 200

        await change(shared_service, who, how)

        await becomes(shared_service, told["stream_url"], REVOKED)
        report = f"/play/{told['grant']}/{video['id']}/progress"
        assert (await shared_service.ask(None, "POST", report, {})).said == REVOKED
        assert (await shared_service.ask(None, "GET", told["events_url"])).status == 204

    async def test_ends_what_the_bearer_may(self, shared_service: Any, video: Any) -> None:
        who = await enrolled(shared_service, "leaver")
        assert (await shared_service.ask(who, "HEAD", stream_of(video))).status == 200

        await change(shared_service, who, "DELETE")

        await wait_until(
            lambda: shared_service.ask(who, "HEAD", stream_of(video)),
            lambda seen: seen.status == 403,
            within_s=WITHDRAWN_WITHIN_S,
        )

    async def test_leaves_others_their_grants(self, shared_service: Any, video: Any) -> None:
        stays, leaves = [await enrolled(shared_service, name) for name in ("stays", "leaves")]
        kept = (await playback(shared_service, video, stays))["stream_url"]
        lost = (await playback(shared_service, video, leaves))["stream_url"]

        await change(shared_service, leaves, "DELETE")

        await becomes(shared_service, lost, REVOKED)
        assert (await shared_service.ask(None, "HEAD", kept)).status == 200

    async def test_putting_the_same_role_changes_nothing(
        self, shared_service: Any, video: Any
    ) -> None:
        who = await enrolled(shared_service, "same")
        kept = (await playback(shared_service, video, who))["stream_url"]
        await enrolled(shared_service, who)
        other = await enrolled(shared_service, "told-after-it")
        lost = (await playback(shared_service, video, other))["stream_url"]

        await change(shared_service, other, "DELETE")

        await becomes(shared_service, lost, REVOKED)
        assert (await shared_service.ask(None, "HEAD", kept)).status == 200

    async def test_enrolling_again_makes_new_grants_work_at_once(
        self, shared_service: Any, video: Any
    ) -> None:
        who = await enrolled(shared_service, "returns")
        for _ in range(5):
            old = (await playback(shared_service, video, who))["stream_url"]
            await change(shared_service, who, "DELETE")
            denied = await shared_service.ask(who, "POST", f"videos/{video['id']}/playback", {})
            assert denied.said == REVOKED
            await enrolled(shared_service, who)
            new = (await playback(shared_service, video, who))["stream_url"]
            assert (await shared_service.ask(None, "HEAD", new)).status == 200
            await becomes(shared_service, old, REVOKED)
            assert (await shared_service.ask(None, "HEAD", new)).status == 200

    @pytest.mark.parametrize(
        ("by", "how"), [("bearer", "DELETE"), ("grant", "DELETE"), ("grant", "PUT")]
    )
    async def test_ends_running_transfers(
        self, shared_service: Any, long_video: Any, by: str, how: str
    ) -> None:
        who = await enrolled(shared_service, f"watcher-{how}-{by}")

        async with transferring(shared_service, long_video, who, by) as wire:
            await change(shared_service, who, how)
            await wait_until(
                lambda: not len(shared_service.app[keys.TRANSFERS]), within_s=WITHDRAWN_WITHIN_S
            )
            got = await read_until_cut(wire)

        assert got < long_video["size"]

    @pytest.mark.parametrize(
        ("who", "by", "how"),
        [
            pytest.param("promoted", "bearer", "PUT", id="of who may still watch"),
            pytest.param("root", "bearer", "DELETE", id="of admins by bearer"),
            pytest.param("root", "grant", "DELETE", id="of admins by grant"),
        ],
    )
    async def test_leaves_the_transfers(
        self, shared_service: Any, video: Any, long_video: Any, who: str, by: str, how: str
    ) -> None:
        await enrolled(shared_service, who)
        other = await enrolled(shared_service, f"told-after-{who}-{by}")
        lost = (await playback(shared_service, video, other))["stream_url"]

        async with transferring(shared_service, long_video, who, by) as wire:
            await change(shared_service, who, how)
            await change(shared_service, other, "DELETE")
            await becomes(shared_service, lost, REVOKED)
            got = await read_until_cut(wire)

        assert got == long_video["size"]

    async def test_late_notice_leaves_the_transfers_of_a_newer_grant(
        self, shared_service: Any, long_video: Any
    ) -> None:
        for number in range(3):
            who = await enrolled(shared_service, f"quick-{number}")
            await change(shared_service, who, "DELETE")
            await enrolled(shared_service, who)

            async with transferring(shared_service, long_video, who, "grant") as wire:
                got = await read_until_cut(wire)

            assert got == long_video["size"]


class TestDeletion:
    async def test_of_a_video_kills_its_grants_until_it_is_restored(
        self, shared_service: Any, mp4: Path
    ) -> None:
        gone = await shared_service.ready_video(mp4)
        told = await playback(shared_service, gone)
        url = told["stream_url"]
        assert (await shared_service.ask("tess", "DELETE", f"videos/{gone['id']}")).status == 204

        assert (await shared_service.ask("ada", "GET", stream_of(gone))).said == REVOKED
        assert (await shared_service.ask("root", "GET", stream_of(gone))).said == "404 not-found"
        await becomes(shared_service, url, REVOKED)
        assert (await shared_service.ask(None, "GET", told["events_url"])).status == 204

        path = f"videos/{gone['id']}/restore"
        assert (await shared_service.ask("tess", "POST", path)).status == 200
        assert (await shared_service.ask("ada", "HEAD", stream_of(gone))).status == 200
        await wait_until(
            lambda: shared_service.ask(None, "HEAD", url),
            lambda seen: seen.status == 200,
            within_s=WITHDRAWN_WITHIN_S,
        )

    async def test_of_a_module_kills_the_grants_of_its_videos(
        self, shared_service: Any, mp4: Path
    ) -> None:
        await shared_service.put("courses/c1/modules/doomed", {"title": "Doomed", "position": 9})
        uploaded = await shared_service.upload(mp4, "doomed")
        await shared_service.process(uploaded["id"])
        shared_service.app[keys.CATALOG].forget(UUID(uploaded["id"]))
        urls = [
            (await playback(shared_service, uploaded, who))["stream_url"] for who in ("ada", "root")
        ]

        path = "courses/c1/modules/doomed"
        assert (await shared_service.ask("root", "DELETE", path)).status == 204

        for url in urls:
            await becomes(shared_service, url, REVOKED)

    @pytest.mark.parametrize("what", ["video", "module", "course"])
    @pytest.mark.parametrize(
        ("who", "by"), [("ada", "bearer"), ("ada", "grant"), ("root", "grant")]
    )
    async def test_ends_running_transfers_until_it_is_restored(
        self, shared_service: Any, doomed_video: Any, what: str, who: str, by: str
    ) -> None:
        path = {
            "video": f"videos/{doomed_video['id']}",
            "module": "courses/doomed/modules/fated",
            "course": "courses/doomed",
        }[what]

        async with transferring(shared_service, doomed_video, who, by) as wire:
            assert (await shared_service.ask("root", "DELETE", path)).status == 204
            await wait_until(
                lambda: not len(shared_service.app[keys.TRANSFERS]), within_s=WITHDRAWN_WITHIN_S
            )
            got = await read_until_cut(wire)
        assert got < doomed_video["size"]

        restore = f"videos/{doomed_video['id']}/restore"
        assert (await shared_service.ask("root", "POST", restore)).status == 200
        async with transferring(shared_service, doomed_video, "ada", "bearer") as wire:
            assert await read_until_cut(wire) == doomed_video["size"]

    async def test_leaves_the_transfers_of_other_videos(
        self, shared_service: Any, doomed_video: Any, long_video: Any
    ) -> None:
        lost = (await playback(shared_service, doomed_video))["stream_url"]

        async with transferring(shared_service, long_video, "ada", "bearer") as wire:
            path = f"videos/{doomed_video['id']}"
            assert (await shared_service.ask("tess", "DELETE", path)).status == 204
            await becomes(shared_service, lost, REVOKED)
            got = await read_until_cut(wire)

        assert got == long_video["size"]
        assert (await shared_service.ask("tess", "POST", f"{path}/restore")).status == 200

    @pytest.mark.parametrize(("who", "said"), [("ada", REVOKED), ("root", "404 not-found")])
    async def test_notice_while_the_right_is_looked_up_leaves_nothing_to_send(
        self,
        shared_service: Any,
        doomed_video: Any,
        monkeypatch: pytest.MonkeyPatch,
        who: str,
        said: str,
    ) -> None:
        video_id, require = UUID(doomed_video["id"]), Access.require
        database, catalog = shared_service.app[keys.DATABASE], shared_service.app[keys.CATALOG]

        async def deleted_meanwhile(*arguments: Any) -> None:
            await require(*arguments)
            await videos.delete(database, [video_id])
            catalog.forget(video_id)

        with monkeypatch.context() as patch:
            patch.setattr(Access, "require", deleted_meanwhile)
            answer = await shared_service.ask(who, "GET", stream_of(doomed_video))

        assert answer.said == said
        await videos.restore(database, video_id)


@asynccontextmanager
async def transferring(service: Any, video: Any, who: str, by: str) -> AsyncIterator[Wire]:
    """A transfer that has begun, of which hardly more than the head was read."""
    lines = []
    if by == "grant":
        target = (await playback(service, video, who))["stream_url"]
    else:
        target = stream_of(video)
        roles = ["admin"] if who == "root" else []
        lines = [f"Authorization: {service.client(who, *roles).headers['Authorization']}"]
    async with connected(service.url) as wire:
        await wire.send(f"GET {target} HTTP/1.1", "Host: x", "Connection: close", *lines)
        head = await wire.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(service.app[keys.TRANSFERS]) == 1
        yield wire


async def read_until_cut(wire: Wire) -> int:
    """The bytes that came; neither a reset nor an end is an error here."""
    got = 0
    try:
        while chunk := await wire.reader.read(2**20):
            got += len(chunk)
    except ConnectionResetError:
        pass
    return got
