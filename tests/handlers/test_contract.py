"""What the OpenAPI document says, held against the running service by generated requests.

Left out: the event streams, which do not end (tests/handlers/test_event_stream.py reads them).
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from handlers import openapi
from handlers.operations import OPERATIONS
from server.routes import routes
from server.tokens import mint_token
from tests.handlers.conftest import COURSE, MODULE, SECRET, Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = {"get_events", "get_events_by_grant"}
IS_FULL = bool(os.environ.get("FULL"))
EXAMPLES = 100 if IS_FULL else 5
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,  # the same requests every time
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

DOCUMENT = schemathesis.openapi.from_dict(openapi.build(routes(), OPERATIONS))
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
        playback = (await self.service.ask("root", "POST", f"videos/{self.video_id}/playback")).json
        return {
            "course_id": COURSE,
            "module_id": MODULE,
            "user_id": "ada",
            "video_id": self.video_id,
            "grant": playback["grant"],
            "asset": playback["stream_url"].rpartition("/")[2],
            "size": "small",
            "name": "style.css",
        }


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
    """Whether there is anything that a request could get wrong."""
    schemas = [one.definition["schema"] for one in (*operation.path_parameters, *operation.query)]
    return bool(operation.body) or any(schema.keys() - {"type"} for schema in schemas)
