"""A receiver of webhooks: a real server, whose messages the package of the specification checks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook as Verifier

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


@dataclass
class Received:
    id: str
    message: Any

    @property
    def type(self) -> str:
        return str(self.message["type"])


@dataclass
class Receiver:
    """Answers with `status_of(message)`, 204 by default, after what it awaits in `pause`."""

    secret: str = SECRET
    status_of: Callable[[Any], int] = lambda message: 204
    open_for: asyncio.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)
    accepted: list[Received] = field(default_factory=list)
    refused: list[Received] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        message = Verifier(self.secret).verify(body, dict(request.headers))
        if self.open_for is not None:
            await self.open_for.wait()
        status = self.status_of(message)
        received = Received(request.headers["webhook-id"], message)
        (self.accepted if status < 300 else self.refused).append(received)
        return web.Response(status=status, headers=self.headers)

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.accepted]


@asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver(**options)
    app = web.Application(client_max_size=2**20)
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    try:
        yield receiver
    finally:
        if receiver.open_for is not None:
            receiver.open_for.set()
        await runner.cleanup()
