"""Puts a TransferPlan on the wire: the one seam between a decision and a socket.

It decides no status and adds no header; aiohttp adds Date, and Connection where HTTP asks for it.
Once the head is out there is no error answer: the connection is cut and the log says how far it
came. A client that leaves is no error.
"""

import asyncio
import errno
import logging

from aiohttp import hdrs, web

from handlers.delivery.errors import FileTruncated
from handlers.delivery.open_files import OpenFile
from handlers.delivery.outlets import Outlet, open_outlet
from handlers.delivery.ranges import ByteSpan, Part, TransferPlan
from handlers.delivery.read_ahead import ReadAhead
from handlers.delivery.transfers import Outcome, Transfer

logger = logging.getLogger(__name__)

# What the network says of a client's host; the rest of OSError speaks of the file or of us.
_CLIENT_UNREACHABLE = frozenset(
    {errno.ENOTCONN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}
)
_LOG_LEVELS = {
    Outcome.CLIENT_GONE: logging.DEBUG,
    Outcome.STALLED: logging.INFO,
    Outcome.ENDED: logging.INFO,
    Outcome.TRUNCATED: logging.ERROR,
    Outcome.FAILED: logging.ERROR,
}


class Sender:
    """Sends plans. Other clients get their turn after each window; a window is read in when cold.

    `stall_timeout_s`: how long a client may take nothing at all.
    """

    def __init__(
        self,
        read_ahead: ReadAhead,
        *,
        window_bytes: int = 1 << 20,
        stall_timeout_s: float = 30.0,
    ) -> None:
        self._read_ahead = read_ahead
        self._window_bytes = window_bytes
        self._stall_timeout_s = stall_timeout_s

    async def send(
        self, request: web.Request, plan: TransferPlan, file: OpenFile, transfer: Transfer
    ) -> web.StreamResponse:
        """Answer with what was planned; return when the last byte is out, or the client is.

        `transfer.outcome` says which, `transfer.sent_bytes` how much of the body went.
        """
        response = web.StreamResponse(status=plan.status, headers=plan.headers)
        try:
            async with transfer.until_ended():
                await response.prepare(request)
                await self._send_body(request, response, plan, file, transfer)
        except (OSError, FileTruncated) as fault:
            transfer.outcome = _outcome(fault, transfer)
            _log(transfer, fault)
            _cut(request, response)
        else:
            transfer.outcome = Outcome.COMPLETE
        return response

    async def _send_body(
        self,
        request: web.Request,
        response: web.StreamResponse,
        plan: TransferPlan,
        file: OpenFile,
        transfer: Transfer,
    ) -> None:
        if plan.body_bytes == 0:
            return
        async with open_outlet(request, response, transfer, self._stall_timeout_s) as outlet:
            for part in plan.parts:
                await self._send_part(part, file, outlet)

    async def _send_part(self, part: Part, file: OpenFile, outlet: Outlet) -> None:
        if part.prefix:
            await outlet.send_text(part.prefix)
        for start in range(part.span.start, part.span.stop, self._window_bytes):
            window = ByteSpan(start, min(start + self._window_bytes, part.span.stop))
            await self._read_ahead.make_resident(file, window)
            await outlet.send_file(file, window)
            # A client as fast as we are never makes us wait, and others would.
            await asyncio.sleep(0)


async def hide_server(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: which software this is, and its version, is our affair."""
    response.headers.popall(hdrs.SERVER, None)


def _outcome(fault: Exception, transfer: Transfer) -> Outcome:
    if transfer.is_ended:
        return Outcome.ENDED
    match fault:
        case FileTruncated():
            return Outcome.TRUNCATED
        case TimeoutError():
            return Outcome.STALLED
        case ConnectionError():
            return Outcome.CLIENT_GONE
        case OSError(errno=number) if number in _CLIENT_UNREACHABLE:
            return Outcome.CLIENT_GONE
    return Outcome.FAILED


def _log(transfer: Transfer, fault: Exception) -> None:
    outcome = transfer.outcome or Outcome.FAILED
    logger.log(
        _LOG_LEVELS[outcome],
        "%s of video %s %s after %d bytes",
        transfer.purpose,
        transfer.video_id,
        outcome.value,
        transfer.sent_bytes,
        exc_info=fault if outcome is Outcome.FAILED else None,
    )


def _cut(request: web.Request, response: web.StreamResponse) -> None:
    response.force_close()
    if request.transport is not None:
        request.transport.abort()
