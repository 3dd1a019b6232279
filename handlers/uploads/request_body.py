"""The body of a request as the `UploadBody` that uploads are received from."""

from aiohttp import StreamReader

from handlers.connection.aiohttp_private import read_arrived


class RequestBody:
    def __init__(self, content: StreamReader) -> None:
        self._content = content

    async def read(self) -> bytes:
        """Raises: aiohttp's errors for a broken connection."""
        return await self._content.readany()

    def take_buffered(self) -> bytes:
        return read_arrived(self._content)
