"""Puts a TransferPlan on the wire: the one seam between a decision and a socket.

It decides no status and adds no field of its own but Date and, where HTTP asks for it, Connection.
An answer is launched on its connection and goes on by itself, or it goes through aiohttp's writer
while its handler waits: over TLS, behind what is still to be written, and where the connection is
not ours. Once the head is out there is no error answer: the connection is cut and the log says how
far it came.
"""

import time

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from handlers.delivery import head
from handlers.delivery.conditional import http_date
from handlers.delivery.connection import Connection, Launched
from handlers.delivery.open_files import OpenFile
from handlers.delivery.pump import PumpSettings
from handlers.delivery.ranges import TransferPlan
from handlers.delivery.read_ahead import ReadAhead
from handlers.delivery.transfers import Transfer
from handlers.delivery.writing import write


class Sender:
    """Sends plans. `stall_timeout_s`: how long a client may take nothing at all."""

    def __init__(
        self,
        read_ahead: ReadAhead,
        *,
        window_bytes: int = 2 << 20,
        stall_timeout_s: float = 30.0,
    ) -> None:
        self._settings = PumpSettings(read_ahead, window_bytes, stall_timeout_s)
        self._date = DateText()

    async def send(
        self, request: web.Request, plan: TransferPlan, file: OpenFile, transfer: Transfer
    ) -> web.StreamResponse:
        """Answer with what was planned. A launched transfer finishes by itself, any other has its
        outcome on return; `transfer.sent_bytes` is how much of the body went."""
        connection = request.protocol
        if (
            plan.body_bytes
            and isinstance(connection, Connection)
            and connection.can_launch(request)
        ):
            return await self._launch(connection, request, plan, file, transfer)
        return await write(request, plan, file, transfer, self._settings)

    async def _launch(
        self,
        connection: Connection,
        request: web.Request,
        plan: TransferPlan,
        file: OpenFile,
        transfer: Transfer,
    ) -> web.StreamResponse:
        response = Launched(connection, status=plan.status, headers=plan.headers)
        await self._complete(request, response)
        version = f"{request.version.major}.{request.version.minor}"
        connection.launch(
            head.render(version, plan.status, response.headers.items()),
            plan.parts,
            file,
            transfer,
            self._settings,
            closes=not request.keep_alive,
        )
        return response

    async def _complete(self, request: web.Request, response: web.StreamResponse) -> None:
        """Adds what aiohttp adds to the answers that it writes, then what the application does."""
        response.headers[hdrs.DATE] = self._date.text()
        response.headers[hdrs.SERVER] = SERVER_SOFTWARE
        if request.keep_alive and request.version == HttpVersion10:
            response.headers[hdrs.CONNECTION] = "keep-alive"
        elif not request.keep_alive and request.version == HttpVersion11:
            response.headers[hdrs.CONNECTION] = "close"
        for app in request.match_info.apps:
            await app.on_response_prepare.send(request, response)


class DateText:
    """The Date of now, written once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def text(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._text = now, http_date(now)
        return self._text
