"""A storage that was exchanged under a running service takes nothing, and says so."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from handlers import keys
from storage.identity import Owner, replace_owner
from storage.paths import StoragePaths
from tests.handlers.uploads.tusing import create, created, patch

MODULE = "/api/v1/modules/m1/videos"


def is_another_databases(storage: StoragePaths) -> None:
    replace_owner(storage.owner, Owner("another", ""))


def is_another(storage: StoragePaths) -> None:
    storage.marker.write_text("another\n")


def is_gone(storage: StoragePaths) -> None:
    storage.marker.unlink()


async def send(service: Any, film: Path) -> str:
    form = aiohttp.FormData()
    form.add_field("file", await asyncio.to_thread(film.read_bytes), filename="a.mp4")
    said: str = (await service.ask("tess", "POST", MODULE, data=form)).said
    return said


@pytest.mark.parametrize(
    ("exchange", "state"),
    [
        (is_another_databases, "foreign"),
        (is_another, "foreign"),
        (is_gone, "unavailable"),
    ],
)
async def test_exchanged_storage_takes_no_uploads_and_is_not_ready(
    start_service: Any, mp4: Path, exchange: Callable[[StoragePaths], None], state: str
) -> None:
    service = await start_service()
    await service.put("courses/c1", {"title": "Course"})
    await service.put("courses/c1/modules/m1", {"title": "Module", "position": 1})
    await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
    begun = await created(service, 9)
    storage = service.app[keys.STORAGE]
    before = await asyncio.to_thread(lambda: sorted(storage.root.rglob("*")))
    await asyncio.to_thread(exchange, storage)

    ready = await service.ask(None, "GET", "/readyz")
    assert (ready.status, ready.json["checks"]["storage"]) == (503, state)
    assert ready.json["checks"]["database"] == "ok"
    assert await send(service, mp4) == "503 unavailable"
    assert (await create(service, 9)).said == "503 unavailable"
    assert (await patch(service, begun, 0, b"123")).said == "503 unavailable"

    left = await asyncio.to_thread(lambda: sorted(storage.root.rglob("*")))
    assert set(left) <= set(before)
