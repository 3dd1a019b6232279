"""The sender of responses: puts a TransferPlan on the wire.

It decides no status and adds only Date and, where HTTP requires it, Connection. A response is
launched on its connection and outlives its handler, or it goes through aiohttp's writer while its
handler waits: without TLS behind bytes that are still to be written, and where the connection is
not ours. Once the head is sent there is no error response: the connection is aborted, and logged
with the bytes sent.
"""

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from handlers.connection.carrying import Launched
from handlers.connection.connection import Connection
from handlers.connection.shortcuts.range_shortcut import CachedDecision, RangeShortcut
from handlers.connection.shortcuts.shortcut_connection import ShortcutConnection
from handlers.delivery import head
from handlers.delivery.head import DateText
from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.pump import PumpSettings
from handlers.delivery.output.writing import write
from handlers.delivery.ranges import TransferPlan
from handlers.transfers.transfers import Transfer


class Sender:
    """Sends plans; `shortcut` remembers responses that may be repeated."""

    def __init__(self, settings: PumpSettings, shortcut: RangeShortcut | None = None) -> None:
        self._settings = settings
        self._shortcut = shortcut
        self._date = DateText()

    async def send(
        self,
        request: web.Request,
        plan: TransferPlan,
        file: OpenFile,
        transfer: Transfer,
        decision: CachedDecision | None = None,
    ) -> web.StreamResponse:
        """Send the planned response. A launched transfer finishes by itself, any other has its
        outcome on return; `transfer.sent_bytes` counts the body."""
        connection = request.protocol
        if plan.body_bytes:
            transfer.note_asked(plan.body_bytes)
        if not plan.body_bytes or not isinstance(connection, Connection):
            return await write(request, plan, file, transfer, self._settings)
        if not connection.can_launch(request):
            return await write(request, plan, file, transfer, self._settings)
        response = Launched(connection.until_free, status=plan.status, headers=plan.headers)
        await self._complete(request, response)
        asked = connection.asked if isinstance(connection, ShortcutConnection) else None
        if asked is not None and decision is not None and self._shortcut is not None:
            self._shortcut.remember(asked, request, plan, response.headers.items(), decision)
        self._launch(connection, request, response, plan, file, transfer)
        return response

    def _launch(
        self,
        connection: Connection,
        request: web.Request,
        response: Launched,
        plan: TransferPlan,
        file: OpenFile,
        transfer: Transfer,
    ) -> None:
        version = f"{request.version.major}.{request.version.minor}"
        connection.launch(
            head.render(version, plan.status, response.headers.items()),
            plan.parts,
            file,
            transfer,
            self._settings,
            closes=not request.keep_alive,
        )

    async def _complete(self, request: web.Request, response: web.StreamResponse) -> None:
        """Adds the fields that aiohttp adds to responses that it writes, then the application's."""
        response.headers[hdrs.DATE] = self._date.text()
        response.headers[hdrs.SERVER] = SERVER_SOFTWARE
        if request.keep_alive and request.version == HttpVersion10:
            response.headers[hdrs.CONNECTION] = "keep-alive"
        elif not request.keep_alive and request.version == HttpVersion11:
            response.headers[hdrs.CONNECTION] = "close"
        for app in request.match_info.apps:
            await app.on_response_prepare.send(request, response)
