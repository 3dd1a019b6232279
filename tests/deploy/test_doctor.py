"""`doctor` names what a proxy breaks, and finds nothing where the proxy is as deployed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.commands.tokens import mint_token
from server.doctor.examination import Examination, ExaminationOrder, examine
from server.doctor.findings import Severity
from server.doctor.installation import Waits
from server.doctor.report import written
from tests.deploy.conftest import HEARTBEAT_S, Upstream, admin, upload
from tests.deploy.doctor_cases import CADDY, HAPROXY, NGINX, Case
from tests.deploy.proxies.configured.debian_caddy import caddy_site, running_caddy
from tests.deploy.proxies.configured.debian_haproxy import running_haproxy
from tests.deploy.proxies.configured.debian_nginx import running_sites
from tests.deploy.proxies.configured.nginx_proxy import beside, substituted, write_certificate
from tests.harness.running import ROOT, SECRET, free_port
from tests.harness.serving import write_large_mp4

WAITS = Waits(
    listen_s=3.0,
    heartbeat_s=HEARTBEAT_S,
    first_event_s=2.5,
    pause_s=2.0,
    early_answer_s=1.0,
    body_bytes=3 * 2**20,
    watch_s=2.0,
)
LECTURE_S, LECTURE_BYTES = 30, 40 * 2**20  # more than the buffers of all hops
AT_ONCE = 8
ZONES = (
    "proxy_cache_path {directory}/kept keys_zone=kept:1m;"
    " limit_req_zone $server_port zone=few:1m rate=1r/s;"
    " limit_conn_zone $server_port zone=one:1m;"
)
EXAMINED = [
    *(pytest.param("nginx", case, id=f"nginx, {case.name}") for case in NGINX),
    *(pytest.param("HAProxy", case, id=f"HAProxy, {case.name}") for case in HAPROXY),
    *(pytest.param("Caddy", case, id=f"Caddy, {case.name}") for case in CADDY),
]


@dataclass(frozen=True)
class Lecture:
    upstream: Upstream
    video_id: str


@pytest.fixture(scope="module")
def lecture(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Lecture:
    file = write_large_mp4(tmp_path_factory.mktemp("lecture"), bytes(LECTURE_BYTES), LECTURE_S)
    url = f"http://127.0.0.1:{upstream.port}"
    return Lecture(upstream, asyncio.run(upload(url, file, "doctored", "doctored-1")))


@pytest.fixture(scope="module")
def proxies(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[tuple[str, str], str]]:
    """The addresses of all cases, by program and name."""
    with ExitStack() as running:
        directory = tmp_path_factory.mktemp("broken")
        urls = {("nginx", name): url for name, url in _nginx(running, directory, upstream.port)}
        for case in HAPROXY:
            changes = dict(case.changes)
            port = int(changes.pop("{port}", upstream.port))
            made = running_haproxy(directory / case.name.replace(" ", "-"), [port], changes)
            urls["HAProxy", case.name] = running.enter_context(made).url
        urls |= {("Caddy", name): url for name, url in _caddy(running, directory, upstream.port)}
        yield urls


def _nginx(running: ExitStack, directory: Path, upstream_port: int) -> Iterator[tuple[str, str]]:
    """One nginx with a site for each case."""
    (directory / "conf.d").mkdir()
    write_certificate(directory)
    ports = [(free_port(), free_port()) for _ in NGINX]
    for number, (case, (port, tls)) in enumerate(zip(NGINX, ports, strict=True)):
        changes = dict(case.changes)
        up = int(changes.pop("{port}", upstream_port))
        site = substituted(directory, free_port(), port, tls, up)
        for old, new in changes.items():
            assert old in site, old
            site = site.replace(old, new)
        (directory / "conf.d" / f"{number}.conf").write_text(beside(site, f"case{number}"))
    running.enter_context(running_sites(directory, ZONES.format(directory=directory)))
    for case, (port, tls) in zip(NGINX, ports, strict=True):
        url = f"https://127.0.0.1:{tls}" if case.is_tls else f"http://127.0.0.1:{port}"
        yield case.name, url


def _caddy(running: ExitStack, directory: Path, upstream_port: int) -> Iterator[tuple[str, str]]:
    """One Caddy with a site for each case."""
    ports, sites = [free_port() for _ in CADDY], []
    for case, port in zip(CADDY, ports, strict=True):
        changes = dict(case.changes)
        site = caddy_site(directory, port, int(changes.pop("{port}", upstream_port)))
        for old, new in changes.items():
            assert old in site, old
            site = site.replace(old, new)
        sites.append(site)
    running.enter_context(running_caddy(directory, sites))
    for case, port in zip(CADDY, ports, strict=True):
        yield case.name, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def examinations(
    lecture: Lecture, proxies: Mapping[tuple[str, str], str]
) -> Mapping[tuple[str, str], Examination]:
    """All of them, some at a time: they wait more than they compute."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(user_id: str, url: str) -> Examination:
        token = mint_token(SECRET, user_id, roles=("service",))
        async with room:
            # Certificates here are nobody's.
            order = ExaminationOrder(url, token, WAITS, lecture.video_id, is_insecure=True)
            return await examine(order)

    async def every() -> Sequence[Examination]:
        asked = [one(f"doctor-{number}", url) for number, url in enumerate(proxies.values())]
        return await asyncio.gather(*asked)

    return dict(zip(proxies, asyncio.run(every()), strict=True))


@pytest.mark.parametrize(("program", "case"), EXAMINED)
def test_the_fault_of_each_configuration_is_named_and_no_other(
    program: str, case: Case, examinations: Mapping[tuple[str, str], Examination]
) -> None:
    examination = examinations[program, case.name]
    report = written(examination)

    found = [one for one in examination.findings if one.severity is Severity.FAULT]
    assert {one.code for one in found} == case.codes, report
    assert case.says in report
    assert examination.is_healthy is not bool(case.codes)


def run_doctor(url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """As an operator runs it, on the machine that has the secret."""
    environ = {**os.environ, "COURSESTREAM_JWT_SECRET": SECRET}
    return subprocess.run(
        [sys.executable, str(ROOT / "run_server.py"), "doctor", url, *options],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("name", "code"), [("as deployed", 0), ("token removed", 1)])
def test_the_command_ends_with_what_it_found(
    name: str, code: int, lecture: Lecture, proxies: Mapping[tuple[str, str], str]
) -> None:
    found = run_doctor(proxies["nginx", name], "--quick", "--video", lecture.video_id)

    assert (found.returncode, found.stderr) == (code, "")
    assert (
        found.stdout.splitlines()[-1]
        == ("players get what they need; 1 remark", "1 fault; 0 remarks")[code]
    )


def test_a_temporary_video_is_made_asked_for_and_removed(upstream: Upstream) -> None:
    url = f"http://127.0.0.1:{upstream.port}"

    found = run_doctor(url, "--quick", "--with-upload")

    assert found.returncode == 0, found.stdout
    assert "ok       ranges: first bytes (Safari)" in found.stdout
    assert not [one for one in asyncio.run(courses(url)) if one.startswith("doctor-")]


async def courses(url: str) -> list[str]:
    async with admin(url) as session, session.get("/api/v1/courses") as response:
        return [course["id"] for course in (await response.json())["items"]]


def test_a_token_that_is_not_accepted_is_said_and_nothing_else_asked(upstream: Upstream) -> None:
    found = run_doctor(f"http://127.0.0.1:{upstream.port}", "--token", "stale")

    assert found.returncode == 1
    assert "the service does not accept this token: give one by --token" in found.stdout
    assert "ranges" not in found.stdout
