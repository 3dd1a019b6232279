"""Helpers of the playback tests."""

import time
from pathlib import Path
from typing import Any

from storage.mp4.faststart import move_index_to_front
from tests.harness.waiting import wait_until

WITHDRAWN_WITHIN_S = 5.0
FILLER_BYTES = 48 * 2**20  # more than the kernel takes off a reader's hands
REVOKED = "403 not-enrolled"


def write_filled_mp4(source: Path, target: Path) -> None:
    move_index_to_front(source, target)
    with target.open("r+b") as file:
        start = file.seek(0, 2)
        file.write(FILLER_BYTES.to_bytes(4, "big") + b"free")
        file.truncate(start + FILLER_BYTES)


async def playback(service: Any, video: Any, who: str = "ada", body: Any = None) -> Any:
    answer = await service.ask(who, "POST", f"videos/{video['id']}/playback", body or {})
    assert answer.status == 201, answer.body
    return answer.json


async def enrolled(service: Any, user_id: str, role: str = "student") -> str:
    await service.put(f"courses/c1/enrollments/{user_id}", {"role": role})
    return user_id


def stream_of(video: Any) -> str:
    return f"/api/v1/videos/{video['id']}/stream"


async def becomes(service: Any, path: str, said: str) -> float:
    """Waits until the path gives this response; returns the seconds it took."""
    started_s = time.monotonic()
    await wait_until(
        lambda: service.ask(None, "HEAD", path),
        lambda seen: seen.status == int(said.split()[0]),
        within_s=WITHDRAWN_WITHIN_S,
    )
    assert (await service.ask(None, "GET", path)).said == said
    return time.monotonic() - started_s


async def change(service: Any, user_id: str, how: str) -> None:
    """Withdraw the user from the course, or give another role there."""
    path = f"courses/c1/enrollments/{user_id}"
    body = {"role": "instructor"} if how == "PUT" else None
    assert (await service.ask("root", how, path, body)).status in (200, 204)
