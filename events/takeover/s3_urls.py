"""Presigned S3 URLs for videos that still play from S3 during a takeover.

boto3 comes with the extra `s3` and is imported with the first URL: it is large, and a server
without a takeover does not need it.
"""

import asyncio
import functools
import importlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from db.videos.video import S3Source
from storage.s3.errors import S3SourceUnavailable

_T = TypeVar("_T")

PRESIGNING = "storage.s3.presigned_urls"
TIMEOUT_S = 5.0  # includes fetching a role's credentials
MAX_CLIENTS = 32  # of endpoints and regions; a service has one or two


class S3Sources:
    """Signs URLs and checks objects on the threads of `executor`, which its owner shuts down."""

    def __init__(self, executor: Executor, timeout_s: float = TIMEOUT_S) -> None:
        self._executor = executor
        self._timeout_s = timeout_s
        self._client = functools.lru_cache(MAX_CLIENTS)(_open_client)

    async def address(
        self, place: S3Source, life_s: float, *, method: str = "GET", disposition: str | None = None
    ) -> str:
        """Returns a URL that opens the object for `life_s`. Raises: S3SourceUnavailable."""
        return await self._run(self._presigned, place, int(life_s), method, disposition)

    async def require_there(self, place: S3Source) -> None:
        """Checks that S3 has the object. Raises: S3SourceGone, S3SourceUnavailable."""
        await self._run(self._require_there, place)

    def _presigned(self, place: S3Source, life_s: int, method: str, disposition: str | None) -> str:
        client = self._client(place.endpoint_url, place.region)
        url: str = _presigning().presign_url(
            client, method, place.bucket, place.key, life_s, disposition
        )
        return url

    def _require_there(self, place: S3Source) -> None:
        client = self._client(place.endpoint_url, place.region)
        _presigning().require_object(client, place.bucket, place.key)

    async def _run(self, function: Callable[..., _T], *arguments: object) -> _T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await loop.run_in_executor(self._executor, function, *arguments)
        except TimeoutError as exc:
            raise S3SourceUnavailable("no answer in time") from exc


def _presigning() -> Any:
    try:
        return importlib.import_module(PRESIGNING)
    except ModuleNotFoundError as exc:
        raise S3SourceUnavailable(f"{exc.name} is not installed (the extra s3)") from exc


def _open_client(endpoint_url: str | None, region: str | None) -> Any:
    return _presigning().open_client(endpoint_url, region)
