"""The application on a socket of its own, over a fresh database, without the other processes."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from events.media.pictures import PictureSettings
from events.media.pipeline import Pipeline
from handlers import keys
from handlers.connection.protocols import prepare, protocol_factory
from server.commands.tokens import mint_token
from server.config.settings import Config, load_config
from server.credentials.secrets import with_secrets
from server.web.app import build_app
from server.web.tls import own_client_context, server_context
from storage.samples import write_clock_mp4, write_clock_webm
from tests.harness.waiting import wait_until

SECRET = "a secret of at least thirty-two bytes"
COURSE, MODULE = "c1", "m1"
ROLES = {"root": "admin", "svc": "service"}
PROBLEM_TYPE = "urn:coursestream:"


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def said(self) -> str:
        """The status, with the code if it is a problem: "200", "404 not-found"."""
        if self.headers.get("Content-Type") != "application/problem+json" or not self.body:
            return str(self.status)
        return f"{self.status} {self.json['type'].removeprefix(PROBLEM_TYPE)}"


@dataclass
class Service:
    """The running application and its users: `tess` teaches the course `c1`, `ada` studies it."""

    app: web.Application
    server: "Listener"
    config: Config
    clients: list[aiohttp.ClientSession]
    trusted: ssl.SSLContext | None = None
    """Of its clients, if it serves by TLS."""
    sessions: dict[str | None, aiohttp.ClientSession] = field(default_factory=dict)

    @property
    def url(self) -> str:
        scheme = "http" if self.trusted is None else "https"
        return f"{scheme}://127.0.0.1:{self.server.port}"

    def client(self, user_id: str, *roles: str) -> aiohttp.ClientSession:
        """A session that speaks as this user; closed with the service."""
        token = mint_token(SECRET, user_id, roles=roles)
        session = aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {token}"},
            raise_for_status=False,
            connector=aiohttp.TCPConnector(ssl=self.trusted or True),
        )
        self.clients.append(session)
        return session

    @property
    def admin(self) -> aiohttp.ClientSession:
        return self.client("root", "admin")

    @property
    def teacher(self) -> aiohttp.ClientSession:
        return self.client("tess")

    @property
    def student(self) -> aiohttp.ClientSession:
        return self.client("ada")

    @property
    def stranger(self) -> aiohttp.ClientSession:
        return self.client("eve")

    async def ask(
        self, who: str | None, method: str, path: str, body: Any = None, **options: Any
    ) -> Answer:
        """The answer to a call of the API by this user; `body` goes as JSON, None without one."""
        url = path if path.startswith("/") else f"/api/v1/{path}"
        if body is not None:
            options["json"] = body
        async with self._speaking(who).request(method, url, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    def _speaking(self, who: str | None) -> aiohttp.ClientSession:
        if who not in self.sessions:
            roles = [ROLES[who]] if who in ROLES else []
            self.sessions[who] = self.client(who, *roles) if who else self.anonymous()
        return self.sessions[who]

    def anonymous(self) -> aiohttp.ClientSession:
        """A session without a token."""
        connector = aiohttp.TCPConnector(ssl=self.trusted or True)
        session = aiohttp.ClientSession(self.url, connector=connector)
        self.clients.append(session)
        return session

    async def rows(self, sql: str) -> list[Any]:
        return await self.app[keys.DATABASE].fetch_all(sql)

    async def execute(self, sql: str) -> None:
        async with self.app[keys.DATABASE].transaction() as transaction:
            await transaction.execute(sql)

    async def put(self, path: str, body: dict[str, Any]) -> int:
        async with self.admin.put(f"/api/v1/{path}", json=body) as response:
            assert response.status in (200, 201), await response.text()
            return response.status

    async def upload(self, file: Path, module_id: str = MODULE, title: str = "A video") -> Any:
        """The answer to an upload by `tess`; still `processing`."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("title", title)
        url = f"/api/v1/modules/{module_id}/videos"
        with file.open("rb") as body:
            form.add_field("file", body, filename=file.name)
            async with self.teacher.post(url, data=form) as response:
                answer = await response.json()
        assert response.status == 201, answer
        return answer

    async def is_soon(self, said: str, who: str | None, method: str, path: str) -> bool:
        """True if a call is answered so within the five seconds of the contract."""
        await wait_until(
            lambda: self.ask(who, method, path), lambda seen: seen.said == said, within_s=5
        )
        return True

    async def video_row(
        self, module_id: str = MODULE, course_id: str = COURSE, status: str = "processing"
    ) -> str:
        """The id of a video without any file; a failed one failed as `undecodable`."""
        video_id = str(uuid4())
        failure = ("undecodable", "It cannot be decoded.") if status == "failed" else (None, None)
        async with self.app[keys.DATABASE].transaction() as transaction:
            await transaction.execute(
                "INSERT INTO videos (id, course_id, module_id, title, original_filename, status,"
                " failure_code, failure_detail, duration_s, width, height, container, video_codec,"
                " mime_type, is_playable, original_size_bytes, uploaded_by) VALUES (%s, %s, %s,"
                " 'Title', 'a.mp4', %s, %s, %s, 30, 4, 3, 'mp4', 'h264', 'video/mp4', true, 1,"
                " 'tess')",
                (video_id, course_id, module_id, status, *failure),
            )
        return video_id

    async def process(self, video_id: str) -> None:
        """Runs a job as the media worker does."""
        pipeline = Pipeline(
            self.app[keys.DATABASE],
            self.app[keys.STORAGE],
            self.app[keys.SANDBOX],
            PictureSettings(list(self.config.thumbnail_sizes), self.config.thumbnail_quality),
            must_be_faithful=True,
        )
        await pipeline.run(UUID(video_id), is_last_attempt=True)

    async def ready_video(self, file: Path, module_id: str = MODULE) -> Any:
        """A video that can be watched."""
        uploaded = await self.upload(file, module_id)
        await self.process(uploaded["id"])
        async with self.teacher.get(f"/api/v1/videos/{uploaded['id']}") as response:
            video = await response.json()
        assert video["status"] == "ready", video
        await self.has_heard_all()
        return video

    async def has_heard_all(self) -> None:
        """Returns once what is in the log has reached the caches, and forgets no more in them."""
        [row] = await self.rows("SELECT coalesce(max(id), 0) AS id FROM event_log")
        hub = self.app[keys.HUB]
        await wait_until(lambda: (hub._position or 0) >= row.id)


class Listener:
    """The application behind connections like those of the product, on a port of its own."""

    def __init__(self, app: web.Application, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True
        )
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        await self._runner.setup()
        assert self._runner.server is not None
        protocols = protocol_factory(
            self._runner.server,
            range_shortcut=self._runner.app.get(keys.RANGE_SHORTCUT),
            report_shortcut=self._runner.app.get(keys.REPORT_SHORTCUT),
        )
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(protocols, "127.0.0.1", 0, ssl=self._tls)
        prepare(self._listener.sockets[0])
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()


StartService = Callable[..., Any]


@pytest.fixture
async def start_service(dsn: str, tmp_path: Path) -> AsyncIterator[StartService]:
    """Starts a service with settings: `await start_service(MAX_UPLOAD_SIZE="1MiB")`."""
    async with AsyncExitStack() as services:

        async def start(**settings: str) -> Service:
            return await services.enter_async_context(_running(dsn, tmp_path, settings))

        yield start


@asynccontextmanager
async def _running(dsn: str, directory: Path, settings: dict[str, str]) -> AsyncIterator[Service]:
    environ = {
        "DATA_DIR": str(directory / "data"),
        "JWT_SECRET": SECRET,
        # Tests ask, report and upload more than people.
        "UPLOADS_PER_USER": "10000",
        "STREAM_RATE_LIMIT": "1000000/second",
        "REPORT_RATE_LIMIT": "1000000/second",
        **settings,
    }
    if not settings.keys().isdisjoint({"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_URL"}):
        del environ["JWT_SECRET"]
    named = {f"COURSESTREAM_{name}": value for name, value in environ.items()}
    config, app = await asyncio.to_thread(_built, named, directory, dsn)
    own = await asyncio.to_thread(server_context, config)
    trusted = None if own is None else await asyncio.to_thread(own_client_context, config)
    assert not isinstance(trusted, bool)
    server = Listener(app, own)
    await server.open()
    service = Service(app, server, config, [], trusted)
    try:
        yield service
    finally:
        app[keys.STOPPING].set()
        for session in service.clients:
            await session.close()
        await server.close()


def _built(environ: dict[str, str], directory: Path, dsn: str) -> tuple[Config, web.Application]:
    config = with_secrets(load_config(environ, directory / "no.env"))
    return config, build_app(config, dsn)


@pytest.fixture
async def service(start_service: StartService) -> Service:
    """With one course, one module, its instructor and its student."""
    service: Service = await start_service()
    await furnish(service)
    return service


@pytest.fixture(scope="module")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside `shared_dsn`: a database belongs to one storage."""
    return tmp_path_factory.mktemp("shared")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_service(shared_dsn: str, shared_directory: Path) -> AsyncIterator[Service]:
    """Like `service`, for tests on the module's loop that leave it as they found it."""
    async with _running(shared_dsn, shared_directory, {}) as service:
        await furnish(service)
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def start_shared_service(
    shared_dsn: str, shared_directory: Path
) -> AsyncIterator[StartService]:
    """Like `start_service`, for tests on the module's loop; all share database and storage."""
    async with AsyncExitStack() as services:

        async def start(**settings: str) -> Service:
            running = _running(shared_dsn, shared_directory, settings)
            return await services.enter_async_context(running)

        yield start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(shared_service: Service, mp4: Path) -> Any:
    """A video that can be watched, as MP4 alone."""
    return await shared_service.ready_video(mp4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_video(shared_service: Service, mp4: Path) -> Any:
    return await shared_service.ready_video(mp4)


async def furnish(service: Service) -> None:
    for path, body in (
        ("", {"title": "Course one"}),
        ("/enrollments/tess", {"role": "instructor"}),
        ("/enrollments/ada", {"role": "student"}),
        (f"/modules/{MODULE}", {"title": "Module one", "position": 1}),
    ):
        answer = await service.ask("root", "PUT", f"courses/{COURSE}{path}", body)
        assert answer.status in (200, 201), answer


@pytest.fixture(scope="session")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with the index at the end."""
    path = tmp_path_factory.mktemp("media") / "clock.mp4"
    write_clock_mp4(path, 2)
    return path


@pytest.fixture(scope="session")
def film(mp4: Path) -> bytes:
    return mp4.read_bytes()


@pytest.fixture(scope="session")
def webm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "clock.webm"
    write_clock_webm(path, 2)
    return path
