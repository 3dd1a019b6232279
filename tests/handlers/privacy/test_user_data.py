"""All that is kept of a person: shown to them, and erased to the last place."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from redis import Redis

from db.privacy.personal_columns import PERSONAL_COLUMNS
from handlers import keys
from server.logs import configure_logging
from server.postgres.embedded import EmbeddedPostgres
from tests.handlers.privacy.life import WHO, lead_a_life
from tests.handlers.support.watching import report, settled
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected
from tests.programs.redis_server import running_redis

TABLES = """
SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
AND relkind IN ('r', 'p') AND NOT relispartition
"""


def rows_naming(dsn: str, user_id: str) -> Counter[str]:
    """Every table's rows in which the id occurs, whatever the column."""
    found: Counter[str] = Counter()
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', (f"%{user_id}%",)
            )
            found[table] += cursor.fetchall()[0][0]
    return +found


def files_naming(directory: Path, user_id: str) -> list[Path]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path for path in files if user_id.encode() in path.read_bytes() + bytes(path)]


def fail_in_database(dsn: str, user_id: str) -> None:
    """A statement about the person that PostgreSQL refuses, and may log."""
    with (
        closing(psycopg2.connect(dsn)) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.Error),
    ):
        cursor.execute("SELECT %s, 1 / 0", (user_id,))


def redis_naming(url: str, user_id: str) -> list[bytes]:
    """The keys in which the id occurs, or in whose values it does."""
    with closing(Redis.from_url(url)) as redis:
        return [key for key in redis.scan_iter() if user_id.encode() in key + _value(redis, key)]


def _value(redis: Any, key: bytes) -> bytes:
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"string": redis.get,
        b"set": redis.smembers,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"none": lambda _: None,  # it has just expired
    }
    return repr(readers[redis.type(key)](key)).encode()


async def come_back(service: Any, life: dict[str, Any]) -> None:
    """The person tries an old token, and old grants to play, to report and to listen."""
    assert await service.is_soon("403 not-enrolled", None, "GET", life["playback"]["stream_url"])
    film = f"videos/{life['film']['id']}"
    assert await service.is_soon("403 not-enrolled", WHO, "GET", film)
    said = report(session_id="back", watched=[[0, 1]])
    for asked in (
        (None, "POST", f"{life['path']}/progress", said),
        (WHO, "POST", f"{film}/playback", {}),
        (WHO, "PUT", f"{film}/progress", said),
        (WHO, "GET", "courses/c2"),
    ):
        assert (await service.ask(*asked)).status == 403, asked
    stream = await service.ask(None, "GET", life["playback"]["events_url"])
    assert stream.said == "204"  # an EventSource asks no more


@pytest.fixture
async def lived(start_service: Any, mp4: Path) -> tuple[Any, dict[str, Any]]:
    service = await start_service()
    life = await lead_a_life(service, mp4)
    await service.execute(
        "INSERT INTO bytes_served VALUES (now()::date, 'c1',"
        f" '{life['film']['id']}', '{WHO}', 'stream', 7) ON CONFLICT DO NOTHING"
    )
    return service, life


@asynccontextmanager
async def listening(service: Any, who: str) -> AsyncIterator[Wire]:
    """An open event stream of this user."""
    token = service.client(who).headers["Authorization"]
    async with connected(service.url) as wire:
        await wire.send("GET /api/v1/events HTTP/1.1", "Host: x", f"Authorization: {token}")
        await wire.reader.readuntil(b"retry:")
        yield wire


async def data_of(service: Any, who: str = "root") -> list[dict[str, Any]]:
    answer = await service.ask(who, "GET", f"users/{WHO}/data")
    assert answer.said == "200"
    return [json.loads(line) for line in answer.body.splitlines()]


async def test_everything_of_a_person_is_shown(lived: Any) -> None:
    service, life = lived

    lines = await data_of(service, WHO)

    assert {line["kind"] for line in lines} == {one.kind for one in PERSONAL_COLUMNS}
    (progress,) = [line["data"] for line in lines if line["kind"] == "progress"]
    assert progress["video_id"] == life["film"]["id"]
    assert progress["watched_s"] == 1
    (lecture,) = [line["data"] for line in lines if line["kind"] == "video"]
    assert lecture["id"] == life["lecture"]
    assert all(WHO in json.dumps(line["data"]) for line in lines)
    assert not any("sealed_user_id" in line["data"] for line in lines)


async def test_a_long_life_comes_page_by_page(lived: Any) -> None:
    service, life = lived
    await service.execute(
        "INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state,"
        " position_s, started_at, last_report_at)"
        f" SELECT '{WHO}', '{life['film']['id']}', 'many-' || n, 1, 'stopped', 0, now(), now()"
        " FROM generate_series(1, 1200) n"
    )

    sessions = [
        line["data"]["session_id"]
        for line in await data_of(service)
        if line["kind"] == "playback_session"
    ]

    assert len(sessions) == len(set(sessions)) > 1200


async def test_an_erased_person_is_nowhere(lived: Any, dsn: str, cluster: EmbeddedPostgres) -> None:
    service, life = lived
    before = rows_naming(dsn, WHO)
    assert before.keys() >= {one.table for one in PERSONAL_COLUMNS}
    totals = await service.rows("SELECT sum(watched_s) FROM progress")
    log = StringIO()
    configure_logging("debug", "json", stream=log)

    assert files_naming(service.config.data_dir, life["film"]["id"]) != []
    async with listening(service, WHO) as wire:
        assert (await service.ask("root", "DELETE", f"users/{WHO}/data")).said == "204"

        assert rows_naming(dsn, WHO) == Counter()
        await wire.reader.readuntil(b"\r\n0\r\n\r\n")
    await come_back(service, life)
    fail_in_database(dsn, WHO)
    await settled(service)
    await service.app[keys.ERASURES].look()
    assert rows_naming(dsn, WHO) == Counter()
    assert files_naming(service.config.data_dir, WHO) == []
    assert await data_of(service) == []
    assert log.getvalue().count("/api/v1/users/***/data") == 2
    assert WHO not in log.getvalue()
    server_log = cluster._cluster.log_file.read_text()
    assert "division by zero" in server_log
    assert WHO not in server_log
    assert await service.rows("SELECT sum(watched_s) FROM progress") == totals
    lecture = await service.ask("root", "GET", f"videos/{life['lecture']}")
    assert lecture.json["uploaded_by"].startswith("erased-")


async def test_what_is_kept_hot_of_videos_names_no_erased_uploader(
    start_service: Any, mp4: Path, tmp_path: Path
) -> None:
    """Two processes have the video and its course in memory, and in a Redis."""
    with running_redis(tmp_path) as redis:
        here = await start_service(REDIS_URL=redis.url)
        life = await lead_a_life(here, mp4)
        there = await start_service(REDIS_URL=redis.url)
        paths = ("courses/c2", f"videos/{life['lecture']}")

        async def naming(service: Any) -> list[str]:
            answers = [await service.ask("root", "GET", path) for path in paths]
            return [
                path for path, one in zip(paths, answers, strict=True) if WHO.encode() in one.body
            ]

        assert await naming(here) == await naming(there) == list(paths)

        assert (await here.ask("root", "DELETE", f"users/{WHO}/data")).said == "204"

        assert await naming(here) == []
        await wait_until(lambda: naming(there), lambda found: found == [])

        async def kept(text: str) -> list[bytes]:
            return await asyncio.to_thread(redis_naming, redis.url, text)

        assert await kept("coursestream") != []
        await wait_until(lambda: kept(WHO), lambda found: found == [], within_s=15)


async def test_erasing_leaves_everybody_else_as_they_were(lived: Any, dsn: str) -> None:
    service, _ = lived
    before = rows_naming(dsn, "tess")

    await service.ask("root", "DELETE", f"users/{WHO}/data")

    assert rows_naming(dsn, "tess") == before


async def test_grants_and_streams_of_an_erased_person_end(lived: Any) -> None:
    service, life = lived
    async with listening(service, WHO) as wire:
        await service.ask("root", "DELETE", f"users/{WHO}/data")

        rest = await wire.reader.readuntil(b"\r\n0\r\n\r\n")
    assert b"enrollment.changed" in rest
    asked = (None, "GET", life["playback"]["stream_url"])
    assert await service.is_soon("403 not-enrolled", *asked)
    assert await service.is_soon("403 not-enrolled", WHO, "GET", f"videos/{life['film']['id']}")


async def test_old_grants_stay_void_after_a_restart_and_a_return(
    lived: Any, start_service: Any
) -> None:
    service, life = lived
    await service.ask("root", "DELETE", f"users/{WHO}/data")

    restarted = await start_service()
    old = await restarted.ask(None, "GET", life["playback"]["stream_url"])
    await restarted.put(f"courses/c1/enrollments/{WHO}", {"role": "student"})
    back = await restarted.ask(WHO, "POST", f"videos/{life['film']['id']}/playback")
    still = await restarted.ask(None, "GET", life["playback"]["stream_url"])
    new = await restarted.ask(None, "GET", back.json["stream_url"])

    assert old.said == "403 not-enrolled"
    assert back.said == "201"
    assert back.json["resume_position"] == 0
    assert still.said == "403 not-enrolled"
    assert new.said == "200"
    again = await restarted.ask("root", "DELETE", f"users/{WHO}/data")
    assert again.said == "204"


async def test_what_arrives_late_is_erased_within_two_minutes(lived: Any, dsn: str) -> None:
    service, life = lived
    await service.ask("root", "DELETE", f"users/{WHO}/data")
    await service.execute(
        "INSERT INTO progress (user_id, video_id, course_id)"
        f" VALUES ('{WHO}', '{life['film']['id']}', 'c1')"
    )

    await service.app[keys.ERASURES].look()

    assert rows_naming(dsn, WHO) == Counter()
    await service.execute("UPDATE erasures SET requested_at = now() - interval '3 minutes'")
    await service.app[keys.ERASURES].look()
    assert await service.rows("SELECT id FROM erasures") == []
