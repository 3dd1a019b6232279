"""The few calls of coursestream's API that a measurement needs."""

from typing import Any

import aiohttp

TIMEOUT_S = 120.0


def client(url: str, token: str) -> aiohttp.ClientSession:
    """A session that speaks as the token's owner."""
    return aiohttp.ClientSession(
        url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
    )


async def call(session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Any:
    """Raises: aiohttp.ClientError."""
    async with session.request(method, f"/api/v1/{path}", **options) as response:
        response.raise_for_status()
        return await response.json()


async def path_by_grant(viewer: aiohttp.ClientSession, video_id: str) -> str:
    playback = await call(viewer, "POST", f"videos/{video_id}/playback", json={})
    return str(playback["stream_url"])


def path_by_bearer(video_id: str) -> str:
    return f"/api/v1/videos/{video_id}/stream"
