"""Debian's Firefox by WebDriver BiDi (W3C), as much of it as the tests need, over aiohttp."""

import asyncio
import itertools
import json
import os
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

FIREFOX = Path("/usr/bin/firefox-esr")
START_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 60
ENTER = "\ue007"  # as WebDriver names the key
PREFERENCES = {
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "dom.min_background_timeout_value": 4,
}


class FirefoxPage:
    """A tab; `evaluate` is called as that of Playwright, and not subject to the page's policy."""

    def __init__(self, session: "_Session", context: str) -> None:
        self._session, self._context = session, context

    async def goto(self, url: str) -> None:
        navigation = {"context": self._context, "url": url, "wait": "complete"}
        await self._session.ask("browsingContext.navigate", **navigation)

    async def reload(self) -> None:
        await self._session.ask("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, or what a function returns, by way of JSON."""
        script = f"""(async () => {{
            const value = ({expression});
            const result = typeof value === 'function' ? await value() : await value;
            return JSON.stringify(result ?? null);
        }})()"""
        told = await self._session.ask(
            "script.evaluate",
            expression=script,
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        assert told["type"] == "success", told["exceptionDetails"]["text"]
        return json.loads(told["result"]["value"])

    async def type(self, text: str) -> None:
        """Presses a key for each character; `ENTER` is one of them."""
        presses = [{"type": kind, "value": one} for one in text for kind in ("keyDown", "keyUp")]
        keys = {"type": "key", "id": "keyboard", "actions": presses}
        await self._session.ask("input.performActions", context=self._context, actions=[keys])

    async def choose_files(self, expression: str, *files: Path) -> None:
        """Chooses files for the `<input type=file>` that the expression is."""
        told = await self._session.ask(
            "script.evaluate",
            expression=expression,
            target={"context": self._context},
            awaitPromise=False,
        )
        element = {"sharedId": told["result"]["sharedId"]}
        names = [str(file) for file in files]
        await self._session.ask(
            "input.setFiles", context=self._context, element=element, files=names
        )

    async def screenshot(self, path: Path) -> None:
        told = await self._session.ask("browsingContext.captureScreenshot", context=self._context)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b64decode(told["data"]))


class _Session:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    async def ask(self, method: str, **parameters: Any) -> Any:
        """The result of a command; what Firefox says meanwhile is not asked for."""
        command_id = next(self._ids)
        await self._socket.send_json({"id": command_id, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == command_id:
                    assert message["type"] == "success", message
                    return message["result"]


@asynccontextmanager
async def open_firefox(profile: Path) -> AsyncIterator[FirefoxPage]:
    """A tab of Firefox with this profile; skips the test where there is none, but never in CI."""
    if not FIREFOX.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"needs {FIREFOX}")
    profile.mkdir(exist_ok=True)
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(PREFERENCES[name])});" for name in PREFERENCES
    ]
    (profile / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        *(str(FIREFOX), "--headless", "--no-remote", "--profile", str(profile)),
        *("--remote-debugging-port", "0"),
        env={**os.environ, "HOME": str(profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address = await _address(process)
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"{address}/session", max_msg_size=0) as socket,
        ):
            session = _Session(socket)
            await session.ask("session.new", capabilities={})
            created = await session.ask("browsingContext.create", type="tab")
            yield FirefoxPage(session, created["context"])
            await session.ask("browser.close")
            await asyncio.wait_for(process.wait(), START_TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in process.stderr:
            found = re.search(rb"BiDi listening on (ws://\S+)", line)
            if found:
                return found[1].decode()
    raise AssertionError("Firefox ended before it listened")
