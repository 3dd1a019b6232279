"""Responses through aiohttp's writer, a chunk at a time, while the handler waits.

For responses that cannot be launched: `outlets` has the ways of those that can. A waiting client
takes two chunks of memory, and over TLS their encryption. Bytes in the transport's buffer count as
sent until the client disconnects.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from handlers.delivery.errors import FileTruncated
from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.outcomes import log_end, outcome_of
from handlers.delivery.output.pump import PumpSettings
from handlers.delivery.ranges import ByteSpan, Part, TransferPlan
from handlers.transfers.figures import FULL_AFTER_S, Doing
from handlers.transfers.transfers import Outcome, Transfer
from handlers.transfers.unsent import drop_unsent, unsent_bytes

# The transport's high-water mark: with more it makes its writer wait.
_CHUNK_BYTES = 64 * 1024


async def write(
    request: web.Request,
    plan: TransferPlan,
    file: OpenFile,
    transfer: Transfer,
    settings: PumpSettings,
) -> web.StreamResponse:
    """Send the planned response; return when the last byte was sent or the client is gone.

    `transfer.outcome` is set. Raises: ConnectionResetError for a client that left before.
    """
    response = web.StreamResponse(status=plan.status, headers=plan.headers)
    with _Writer(request, response, transfer, settings) as writer:
        await writer.write(plan, file)
    return response


class _Writer:
    """Its duplicate of the socket still knows the unsent bytes when the transport's is closed."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        transfer: Transfer,
        settings: PumpSettings,
    ) -> None:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError
        self._transport = request.transport
        self._request = request
        self._response = response
        self._transfer = transfer
        self._settings = settings
        self._waits_for = Doing.SENDING
        self._began_writing_s = time.monotonic()

    def __enter__(self) -> "_Writer":
        self._socket: socket.socket = self._transport.get_extra_info("socket").dup()
        self._transfer.doing = self._doing
        return self

    def __exit__(self, *_: object) -> None:
        self._transfer.doing = None
        self._socket.close()

    async def write(self, plan: TransferPlan, file: OpenFile) -> None:
        try:
            async with self._transfer.until_ended() as interrupt:
                with self._watched_for_stall(interrupt):
                    await self._response.prepare(self._request)
                    for part in plan.parts:
                        await self._write_part(part, file)
        except FileTruncated as exc:
            self._conclude(exc)
            self._transport.close()  # The bytes sent are right: let them arrive.
        except OSError as exc:
            self._drop_unsent()
            self._conclude(exc)
            self._transport.abort()
        except asyncio.CancelledError:
            self._drop_unsent()
            self._transport.abort()
            raise
        else:
            self._transfer.outcome = Outcome.COMPLETE

    async def _write_part(self, part: Part, file: OpenFile) -> None:
        if part.prefix:
            await self._write_chunk(part.prefix)
        chunk_bytes = min(_CHUNK_BYTES, self._settings.window_for(self._transfer.bandwidth))
        for start in range(part.span.start, part.span.stop, chunk_bytes):
            span = ByteSpan(start, min(start + chunk_bytes, part.span.stop))
            self._waits_for = Doing.DISK
            await self._settings.read_ahead.make_resident(file, span)
            # A read from the page cache.
            chunk = os.pread(file.descriptor, span.size_bytes, start)
            await self._write_chunk(chunk)
            if len(chunk) < span.size_bytes:
                file.found_short()
                raise FileTruncated

    async def _write_chunk(self, chunk: bytes) -> None:
        await self._keep_pace(0)  # for what other responses to the user took beyond the limit
        if self._transport.is_closing():
            raise ConnectionResetError
        if not self._transfer.sent_bytes:
            self._transfer.note_first_byte()
        self._transfer.sent_bytes += len(chunk)
        self._waits_for, self._began_writing_s = Doing.CLIENT, time.monotonic()
        await self._response.write(chunk)
        await self._keep_pace(len(chunk))

    def _doing(self) -> Doing:
        is_full = time.monotonic() - self._began_writing_s > FULL_AFTER_S
        return Doing.SENDING if self._waits_for is Doing.CLIENT and not is_full else self._waits_for

    async def _keep_pace(self, sent_bytes: int) -> None:
        bandwidth = self._transfer.bandwidth
        if bandwidth is not None:
            self._waits_for = Doing.PACED
            await asyncio.sleep(bandwidth.owe(sent_bytes, time.monotonic()))

    @contextmanager
    def _watched_for_stall(self, interrupt: Callable[[], None]) -> Iterator[None]:
        self._interrupt = interrupt
        self._settings.stalls.add(self)
        try:
            yield
        finally:
            self._settings.stalls.discard(self)

    def stall(self) -> None:
        self._interrupt()

    def taken_and_waiting(self) -> tuple[int, int]:
        waiting = unsent_bytes(self._socket) + self._transport.get_write_buffer_size()
        return self._transfer.sent_bytes - waiting, waiting

    def _drop_unsent(self) -> None:
        drop_unsent(self._socket, self._transfer, self._transport.get_write_buffer_size())

    def _conclude(self, fault: OSError | FileTruncated) -> None:
        self._transfer.outcome = outcome_of(fault, self._transfer)
        log_end(self._transfer, self._transfer.outcome, fault)
        self._response.force_close()
