"""The OpenAPI document against the running service, by generated requests."""

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import handlers
from handlers.openapi import document
from handlers.openapi.endpoints import declared
from handlers.uploads.tus_headers import OFFSET_OCTETS
from server.commands.tokens import mint_token
from tests.handlers.conftest import COURSE, MODULE, SECRET, Service
from tests.handlers.uploads.tusing import created

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = {"get_events", "get_events_by_grant"}
IS_FULL = bool(os.environ.get("FULL"))
EXAMPLES = 100 if IS_FULL else 4
REPORT = {"session_id": "s", "sequence": 1, "position": 1, "watched": [[0, 1]], "event": "paused"}
WEBVTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,  # the same requests every time
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

# Bytes of uploads are bytes.
schemathesis.openapi.media_type(OFFSET_OCTETS, strategies.binary())
DOCUMENT = schemathesis.openapi.from_dict(document.build(declared(handlers)))
FOUND = [found.ok() for found in DOCUMENT.get_all_operations()]
DRIVEN = [
    operation for operation in FOUND if operation.definition.raw["operationId"] not in ENDLESS
]

Operation = APIOperation[Any, Any, Any, Any]


@dataclass(frozen=True)
class Target:
    """A service with a video that can be watched, and the names of all it holds."""

    service: Service
    token: str
    video_id: str

    async def names(self) -> dict[str, str]:
        """Everything there again, whatever was deleted; a grant of today."""
        for path, body in (
            (f"courses/{COURSE}", {"title": "Course one"}),
            (f"courses/{COURSE}/enrollments/ada", {"role": "student"}),
            (f"courses/{COURSE}/modules/{MODULE}", {"title": "Module one", "position": 1}),
        ):
            await self.service.put(path, body)
        await self.service.ask("root", "POST", f"videos/{self.video_id}/restore")
        for what in ("captions/en", "chapters"):
            await self.service.ask("root", "PUT", f"videos/{self.video_id}/{what}", data=WEBVTT)
        playback = (await self.service.ask("root", "POST", f"videos/{self.video_id}/playback")).json
        hook = {"url": "https://hooks.invalid/", "types": ["video.failed"]}
        await self.service.put("webhooks/w1", hook)
        upload = await created(self.service, 1000, "root")
        return {
            "course_id": COURSE,
            "module_id": MODULE,
            "user_id": "ada",
            "video_id": self.video_id,
            "upload_id": upload.rpartition("/")[2],
            "grant": playback["grant"],
            "asset": playback["stream_url"].rpartition("/")[2],
            "size": "small",
            "language": "en",
            "sheet": await self._sheet(),
            "name": "style.css",
            "webhook_id": "w1",
            "session_id": "s1",
        }

    async def _sheet(self) -> str:
        cues = await self.service.ask("root", "GET", f"videos/{self.video_id}/storyboard.vtt")
        found = re.search(r"storyboard-(\w+)\.jpg", cues.body.decode())
        assert found is not None
        return found[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(shared_service: Service, mp4: Path) -> Target:
    video = await shared_service.ready_video(mp4)
    return Target(shared_service, mint_token(SECRET, "root", roles=["admin"]), video["id"])


@pytest.mark.parametrize("operation", DRIVEN, ids=lambda one: one.label)
async def test_service_answers_as_described(target: Target, operation: Operation) -> None:
    names = await target.names()
    known = {one.name: names[one.name] for one in operation.path_parameters}

    await asyncio.to_thread(_drive, operation, target, known)


def _drive(operation: Operation, target: Target, known: dict[str, str]) -> None:
    """Things that are there, then names of nothing, then what the document forbids."""
    headers = {"Authorization": f"Bearer {target.token}"}

    def ask(case: Case) -> None:
        response = case.call(base_url=target.service.url, headers=headers)
        case.validate_response(response, checks=CHECKS)

    strategies = [operation.as_strategy(path_parameters=known or None)]
    if known:
        strategies.append(operation.as_strategy())
    if _forbids_something(operation):
        strategies.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    for strategy in strategies:
        BOUNDED(given(case=strategy)(ask))()


def _forbids_something(operation: Operation) -> bool:
    """True if a request could violate the schema."""
    schemas = [one.definition["schema"] for one in (*operation.path_parameters, *operation.query)]
    return bool(operation.body) or any(schema.keys() - {"type"} for schema in schemas)


@pytest.mark.parametrize(
    ("path", "method", "status", "options"),
    [
        ("/api/v1/modules/{module_id}/videos", "POST", 201, {"files": "clock.mp4"}),
        ("/api/v1/modules/{module_id}/videos", "POST", 415, {"files": "playlist"}),
        ("/api/v1/videos/{video_id}/stream", "GET", 200, {}),
        ("/api/v1/videos/{video_id}/stream", "GET", 206, {"headers": {"Range": "bytes=0-9"}}),
        ("/api/v1/videos/{video_id}/stream", "GET", 206, {"headers": {"Range": "bytes=0-1,7-8"}}),
        ("/api/v1/videos/{video_id}/stream", "GET", 304, {"headers": {"If-None-Match": "*"}}),
        ("/api/v1/videos/{video_id}/stream", "GET", 406, {"headers": {"Accept": "text/css"}}),
        ("/api/v1/videos/{video_id}/stream", "GET", 412, {"headers": {"If-Match": '"other"'}}),
        ("/api/v1/videos/{video_id}/stream", "GET", 416, {"headers": {"Range": "bytes=99999999-"}}),
        ("/api/v1/videos/{video_id}/thumbnails/{size}", "GET", 200, {}),
        ("/api/v1/videos/{video_id}/captions/{language}", "GET", 200, {}),
        ("/api/v1/videos/{video_id}/captions/{language}", "PUT", 200, {"data": WEBVTT}),
        ("/api/v1/videos/{video_id}/chapters", "PUT", 400, {"data": b"{}"}),
        ("/play/{grant}/{video_id}/chapters", "GET", 304, {"headers": {"If-None-Match": "*"}}),
        ("/api/v1/videos/{video_id}/storyboard.vtt", "GET", 200, {}),
        ("/api/v1/videos/{video_id}/storyboard-{sheet}.jpg", "GET", 200, {}),
        ("/play/{grant}/{video_id}/{asset}", "GET", 206, {"headers": {"Range": "bytes=-5"}}),
        ("/play/{grant}/{video_id}/progress", "POST", 200, {"json": REPORT}),
        ("/api/v1/videos/{video_id}/progress", "PUT", 200, {"json": REPORT}),
        ("/api/v1/courses/{course_id}/progress", "GET", 200, {}),
        ("/api/v1/courses/{course_id}", "GET", 200, {}),
        ("/api/v1/videos/{video_id}/playback", "POST", 201, {}),
        ("/api/v1/videos/{video_id}/playback", "POST", 415, {"data": "x"}),
    ],
)
async def test_what_chance_seldom_reaches_is_as_described(
    target: Target, mp4: Path, path: str, method: str, status: int, options: dict[str, Any]
) -> None:
    url = target.service.url + path.format(**await target.names())
    if name := options.get("files"):
        body = mp4.read_bytes() if name == mp4.name else b"#EXTM3U\n/etc/passwd\n"
        options = {"files": {"file": (name, body)}}
    who = {"Authorization": f"Bearer {target.token}"}
    options = {**options, "headers": {**who, **options.get("headers", {})}}

    response = await asyncio.to_thread(requests.request, method, url, **options)

    assert response.status_code == status
    DOCUMENT[path][method].validate_response(response)
