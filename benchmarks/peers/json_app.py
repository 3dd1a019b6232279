"""Baselines for a report and for a press of the play button, each a program by itself.

`echo` is an aiohttp handler that reads and answers JSON and does nothing else; `naive` upserts and
commits each report by itself; `empty` is the least that aiohttp answers as JSON.
"""

import sys
from collections.abc import AsyncIterator

import aiopg
import uvloop
from aiohttp import web

from db.pool import pool_options

POOL_SIZE = 10  # the service's own default
TABLE = """
CREATE TABLE IF NOT EXISTS naive_progress (
    session_id text PRIMARY KEY, sequence bigint NOT NULL, position_s double precision NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80)
"""
UPSERT = """
INSERT INTO naive_progress AS p (session_id, sequence, position_s) VALUES (%s, %s, %s)
ON CONFLICT (session_id) DO UPDATE SET
    sequence = excluded.sequence, position_s = excluded.position_s, updated_at = now()
WHERE p.sequence < excluded.sequence
"""
POOL = web.AppKey("pool", aiopg.Pool)


async def echo(request: web.Request) -> web.Response:
    body = await request.json()
    return web.json_response({"position": body["position"], "watched": body["watched"]})


async def empty(_: web.Request) -> web.Response:
    return web.json_response({})


async def naive(request: web.Request) -> web.Response:
    body = await request.json()
    values = body["session_id"], body["sequence"], body["position"]
    await execute(request.app[POOL], UPSERT, values)
    return web.json_response({"position": body["position"], "watched": body["watched"]})


async def execute(pool: aiopg.Pool, sql: str, values: tuple[object, ...] = ()) -> None:
    async with pool.acquire() as connection, connection.cursor() as cursor:
        await cursor.execute(sql, values)


def build_app(dsn: str) -> web.Application:
    async def database(app: web.Application) -> AsyncIterator[None]:
        async with aiopg.create_pool(dsn, maxsize=POOL_SIZE, **pool_options(dsn)) as app[POOL]:
            await execute(app[POOL], TABLE)
            yield

    app = web.Application()
    app.cleanup_ctx.append(database)
    app.router.add_post("/play/{grant}/{video_id}/echo", echo)
    app.router.add_post("/play/{grant}/{video_id}/naive", naive)
    app.router.add_post("/api/v1/videos/{video_id}/empty", empty)
    return app


def main() -> None:
    dsn, port = sys.argv[1:]
    loop = uvloop.new_event_loop()  # the service's own default, too
    web.run_app(build_app(dsn), host="127.0.0.1", port=int(port), access_log=None, loop=loop)


if __name__ == "__main__":
    main()
