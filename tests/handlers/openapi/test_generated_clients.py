"""Clients made of the document by the usual generators: without a warning, and they work."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import handlers
from handlers.openapi import document as openapi
from handlers.openapi.endpoints import declared
from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET, Service
from tests.harness.running import ROOT
from tests.programs.web_build import WEB, built_pages

TIMEOUT_S = 120
CONFIG = ROOT / "docs" / "openapi-python-client.yml"
# A user of the Python client: what JSON, problems, and files of both directions become.
PYTHON_USE = """
import sys
from io import BytesIO
from uuid import UUID
from client import AuthenticatedClient
from client.api.course_structure import get_course, list_courses
from client.api.playing import get_stream
from client.api.videos import get_captions, put_captions
from client.models import NotFoundProblem
from client.types import File

url, token, video = sys.argv[1], sys.argv[2], UUID(sys.argv[3])
client = AuthenticatedClient(base_url=url, token=token)
print([one.id for one in list_courses.sync(client=client).items])
missing = get_course.sync("none", client=client)
assert isinstance(missing, NotFoundProblem), missing
print(missing.type_.name, missing.type_.value)
cues = BytesIO(b"WEBVTT\\n\\n00:00.000 --> 00:01.000\\nHello\\n")
captioned = put_captions.sync(video, "en", client=client, body=File(cues))
print([one.language for one in captioned.captions])
print(b"Hello" in get_captions.sync_detailed(video, "en", client=client).content)
part = get_stream.sync_detailed(video, client=client, range_="bytes=4-7")
print(part.status_code, part.parsed.payload.read())
"""
# A user of the TypeScript types: it compiles only if they are what the calls answer.
TYPESCRIPT_USE = """
import type { components, operations, paths } from "./api";
type Answers = paths["/api/v1/courses"]["get"]["responses"];
export const ids = (page: Answers[200]["content"]["application/json"]): string[] =>
  page.items.map((course) => course.id);
export const isMissing = (problem: components["schemas"]["NotFoundProblem"]): boolean =>
  problem.type === "urn:coursestream:not-found";
export const part = (
  answer: operations["get_stream"]["responses"][206]["content"]["video/mp4"],
): string => answer;
// @ts-expect-error: no such type of a problem
export const wrong: components["schemas"]["Problem"]["type"] = "urn:coursestream:nonsense";
"""


@pytest.fixture(scope="module")
def document_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_bytes(openapi.encode(openapi.build(declared(handlers))))
    return file


@pytest.fixture(scope="module")
def python_client(document_file: Path) -> Path:
    target = document_file.with_name("client")
    tools = Path(sys.executable).parent
    said = run(
        *(sys.executable, "-m", "openapi_python_client", "generate"),
        *("--path", str(document_file), "--config", str(CONFIG)),
        *("--meta", "none", "--output-path", str(target), "--fail-on-warning"),
        PATH=f"{tools}:{os.environ['PATH']}",
    )
    assert "warning" not in said.lower()
    return target


def run(*command: str, cwd: Path | None = None, **environ: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_python_client_has_every_call(python_client: Path) -> None:
    made = {path.stem for path in (python_client / "api").rglob("*.py")}

    assert {one.handler.__name__ for one in declared(handlers)} <= made


async def test_python_client_speaks_with_the_service(
    python_client: Path, service: Service, mp4: Path
) -> None:
    video = await service.ready_video(mp4)
    token = mint_token(SECRET, "root", roles=["admin"])

    said = await asyncio.to_thread(
        run,
        *(sys.executable, "-c", PYTHON_USE, service.url, token, video["id"]),
        cwd=python_client.parent,
    )

    assert said.splitlines() == [
        "['c1']",
        "NOT_FOUND urn:coursestream:not-found",
        "['en']",
        "True",
        "206 b'ftyp'",
    ]


def test_typescript_types_are_made_without_a_problem_and_compile(document_file: Path) -> None:
    built_pages()  # the tools are there then
    tools = WEB / "clients" / "node_modules" / ".bin"
    types, use = document_file.with_name("api.d.ts"), document_file.with_name("use.ts")

    said = run(str(tools / "openapi-typescript"), str(document_file), "--output", str(types))
    use.write_text(TYPESCRIPT_USE)
    checks: Any = ("--noEmit", "--strict", "--target", "es2022", "--moduleResolution", "bundler")
    run(str(tools / "tsc"), *checks, "--module", "esnext", str(use))

    assert not {"warn", "error", "problem"} & set(said.lower().replace(":", " ").split())
