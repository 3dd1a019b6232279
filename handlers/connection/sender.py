"""The sender of answers: puts a TransferPlan on the wire.

It decides no status and adds no field of its own but Date and, where HTTP asks for it, Connection.
An answer is launched on its connection and goes on by itself, or it goes through aiohttp's writer
while its handler waits: over TLS, behind what is still to be written, and where the connection is
not ours. Once the head is out there is no error answer: the connection is cut and the log says how
far it came.
"""

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from handlers.connection.carrying import Launched
from handlers.connection.connection import Connection
from handlers.connection.range_shortcut import CachedDecision, RangeShortcut
from handlers.connection.shortcut_connection import ShortcutConnection
from handlers.delivery import head
from handlers.delivery.head import DateText
from handlers.delivery.open_files import OpenFile
from handlers.delivery.pump import PumpSettings
from handlers.delivery.ranges import TransferPlan
from handlers.delivery.transfers import Transfer
from handlers.delivery.writing import write


class Sender:
    """Sends plans; what may be answered so again, `shortcut` remembers."""

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
        """Answer with what was planned. A launched transfer finishes by itself, any other has its
        outcome on return; `transfer.sent_bytes` is how much of the body went."""
        connection = request.protocol
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
        """Adds what aiohttp adds to the answers that it writes, then what the application does."""
        response.headers[hdrs.DATE] = self._date.text()
        response.headers[hdrs.SERVER] = SERVER_SOFTWARE
        if request.keep_alive and request.version == HttpVersion10:
            response.headers[hdrs.CONNECTION] = "keep-alive"
        elif not request.keep_alive and request.version == HttpVersion11:
            response.headers[hdrs.CONNECTION] = "close"
        for app in request.match_info.apps:
            await app.on_response_prepare.send(request, response)
