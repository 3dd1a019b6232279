"""kill -9 of the web process between every two steps of an upload: afterwards the video is complete
or absent, and what was half-done is gone with the next start."""

import asyncio
import os
import random
from contextlib import closing, suppress
from io import BytesIO

import aiohttp
import psycopg2

from server.commands.tokens import mint_token
from tests.faults.conftest import TIMEOUT_S, Killed
from tests.harness.running import SECRET

IS_FULL = os.environ.get("FULL") == "1"
RANDOM_ROUNDS = 60 if IS_FULL else 3
BEFORE = (
    b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n',
    b"\r\n--a--\r\n",
)

# In order: where the process dies, and whether the video is there afterwards.
STEPS = [
    ("db.space:reserve:before", "absent"),
    ("db.space:reserve:after", "absent"),
    ("storage.receiving.uploads:_open_locked:after", "absent"),
    ("storage.receiving.uploads:UploadFile.append:after", "absent"),
    ("storage.receiving.uploads:UploadFile.append:after#2", "absent"),
    ("storage.receiving.uploads:UploadFile._write_all:after", "absent"),
    ("storage.receiving.uploads:UploadFile.finish:before", "absent"),
    ("storage.receiving.uploads:UploadFile.finish:after", "absent"),
    ("events.uploads.publication:media_facts:before", "absent"),
    ("events.uploads.publication:Publication.examine:after", "absent"),
    ("events.uploads.publication:publish_original:before", "absent"),
    ("storage.videos:fsync_own_file:after", "absent"),
    ("storage.videos:_make_video_dir:after", "absent"),
    ("storage.videos:os.replace:after", "stray"),
    ("events.uploads.publication:publish_original:after", "stray"),
    ("db.videos.videos:insert:before", "stray"),
    ("db.videos.videos:insert:after", "stray"),
    ("db.jobs:defer:after", "stray"),
    ("db.space:release:after", "stray"),
    ("events.log.log:append:before", "stray"),
    ("events.log.log:append:after", "stray"),
    ("events.media.pipeline:enter:after", "complete"),
    ("storage.receiving.uploads:_discard:before", "complete"),
    ("storage.receiving.uploads:_discard:after", "complete"),
    ("handlers.uploads.form_upload:answer_json:before", "complete"),
    ("handlers.uploads.form_upload:answer_json:after", "complete"),
]


async def upload(servers: Killed, film: bytes) -> int | None:
    """The status of the answer; None when the server died over it."""
    headers = {
        "Authorization": f"Bearer {mint_token(SECRET, 'root', roles=('admin',))}",
        "Content-Type": "multipart/form-data; boundary=a",
    }
    url = f"http://127.0.0.1:{servers.port}/api/v1/modules/m1/videos"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    with suppress(aiohttp.ClientConnectionError, ConnectionError):
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
            session.post(url, data=BytesIO(BEFORE[0] + film + BEFORE[1])) as response,
        ):
            return response.status
    return None


def check_truth(servers: Killed, film: bytes) -> tuple[int, int]:
    """(complete videos, stray files) after a start; anything in between is a fault."""
    ids = {str(row[0]) for row in servers.rows("SELECT id FROM videos")}
    stored = servers.originals()
    assert ids <= stored.keys(), "a row without its file"
    assert all(path.read_bytes() == film for path in stored.values()), "half a file"
    assert servers.unfinished() == [], "a temporary file outlived the start"
    jobs = {row[0] for row in servers.rows("SELECT args->>'video_id' FROM procrastinate_jobs")}
    assert jobs == ids, "a job without a video, or the other way round"
    told = {
        str(row[0])
        for row in servers.rows("SELECT video_id FROM event_log WHERE type = 'video.uploaded'")
    }
    assert told == ids, "an event without a video, or the other way round"
    return len(ids), len(stored.keys() - ids)


async def test_killed_at_any_step_the_video_is_complete_or_absent(
    servers: Killed, film: bytes
) -> None:
    """Each start is also the restart after the step before."""
    complete = stray = 0
    for step, outcome in STEPS:
        await asyncio.to_thread(servers.start, step)
        assert await asyncio.to_thread(check_truth, servers, film) == (complete, stray), step

        assert await upload(servers, film) is None, f"it did not die at {step}"

        await asyncio.to_thread(servers.wait_until_dead)
        complete += outcome == "complete"
        stray += outcome == "stray"
    await asyncio.to_thread(servers.start)
    assert await asyncio.to_thread(check_truth, servers, film) == (complete, stray)
    assert await upload(servers, film) == 201
    assert (await asyncio.to_thread(check_truth, servers, film))[0] == complete + 1


async def test_killed_at_any_moment_the_video_is_complete_or_absent(
    servers: Killed, film: bytes
) -> None:
    """Also between the named steps; an upload answered 201 is there for ever."""
    chance, acknowledged = random.Random(20261122), 0
    for _ in range(RANDOM_ROUNDS):
        await asyncio.to_thread(servers.start)
        uploads = [asyncio.create_task(upload(servers, film)) for _ in range(3)]
        await asyncio.wait(uploads, timeout=chance.uniform(0.02, 0.8))
        await asyncio.to_thread(servers.kill)
        acknowledged += [await one for one in uploads].count(201)

    await asyncio.to_thread(servers.start)
    complete, _ = await asyncio.to_thread(check_truth, servers, film)
    assert complete >= acknowledged


async def test_room_of_a_killed_process_is_given_back_when_it_expires(
    servers: Killed, film: bytes
) -> None:
    await asyncio.to_thread(servers.start, "storage.receiving.uploads:UploadFile.finish:before")
    assert await upload(servers, film) is None
    await asyncio.to_thread(servers.wait_until_dead)
    count = "SELECT count(*) FROM space_reservations"
    assert await asyncio.to_thread(servers.rows, count) == [(1,)]
    expire = "UPDATE space_reservations SET expires_at = now() - interval '1 s'"
    with closing(psycopg2.connect(servers.dsn)) as connection, connection:
        connection.cursor().execute(expire)

    await asyncio.to_thread(servers.start)
    assert await upload(servers, film) == 201

    assert await asyncio.to_thread(servers.rows, count) == [(0,)]
