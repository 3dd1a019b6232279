"""The whole service as its users start it: one `serve --demo` for all the journeys."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import aiohttp
import pytest

from server.tokens import mint_token
from tests.running import SECRET, Service, free_port, printed_addresses, start, stop, wait_for

START_TIMEOUT_S = 180.0
REPORT_INTERVAL_S = 1  # a browser's reports come soon enough for a test to wait for them


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    data_dir, output, port = directory / "data", directory / "output", free_port()
    process = start(
        data_dir, output, port, "serve", "--demo", REPORT_INTERVAL=f"{REPORT_INTERVAL_S}s"
    )
    try:

        def addresses() -> dict[str, str]:
            assert process.poll() is None, output.read_text(errors="replace")
            return printed_addresses(output)

        wait_for(addresses, "the addresses", START_TIMEOUT_S)
        yield Service(f"http://127.0.0.1:{port}", process, output, data_dir, _videos(port))
    finally:
        stop(process)


def _videos(port: int) -> list[str]:
    """The ids of the demo's videos: the MP4, then the WebM."""

    async def ask() -> list[str]:
        headers = {"Authorization": f"Bearer {mint_token(SECRET, 'student')}"}
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session,
            session.get("/api/v1/courses/demo") as response,
        ):
            course = await response.json()
        return [str(UUID(module["videos"][0]["id"])) for module in course["modules"]]

    return asyncio.run(ask())
