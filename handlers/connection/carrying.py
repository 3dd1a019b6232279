"""Responses that outlive their handler: sent by their connection, or streams written by others."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from handlers.delivery.ranges import Headers


class Launched(web.StreamResponse):
    """Returned by such a handler: aiohttp has nothing left to write.

    `until_free` returns when the next request may be handled.
    """

    def __init__(
        self,
        until_free: Callable[[], Awaitable[None]],
        status: int,
        headers: Headers | None = None,
    ) -> None:
        super().__init__(status=status, headers=headers)
        self._until_free = until_free

    @property
    def keep_alive(self) -> bool:
        """True: the connection closes itself when the response was its last."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        await self._until_free()
