"""Ports held by other programs: found before anything else, with what to do about them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config.settings import load_config
from server.web import ports
from tests.harness.running import ROOT

LOOPBACK = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as holder:
        yield holder.getsockname()[1]


def test_a_port_is_taken_while_somebody_listens(taken: int) -> None:
    assert ports.is_taken(LOOPBACK, taken)
    assert ports.is_taken("", taken)


@pytest.mark.parametrize("host", ["no.such.invalid", "203.0.113.9"])
def test_an_address_that_is_wrong_is_not_taken(host: str) -> None:
    assert not ports.is_taken(host, 8080)


def test_any_port_is_free() -> None:
    assert not ports.is_taken(LOOPBACK, 0)


def test_the_remedy_is_a_port_that_is_free(taken: int) -> None:
    sentence = ports.taken(LOOPBACK, taken, "METRICS_PORT")

    assert sentence.startswith("in use by another program")
    before, _, free = sentence.rpartition("choose another port: COURSESTREAM_METRICS_PORT=")
    assert before
    assert not ports.is_taken(LOOPBACK, int(free))


def test_without_a_free_port_none_is_named() -> None:
    assert "choose" not in ports.taken(LOOPBACK, 65535)


def test_defaults_are_those_of_the_settings() -> None:
    config = load_config({}, Path("/nonexistent/.env"))

    assert {"HOST": config.host, "PORT": str(config.port)} == ports.DEFAULTS


@pytest.mark.parametrize(
    ("lines", "variables", "code"),
    [
        pytest.param("", {"PORT": "{taken}"}, 1, id="in the environment"),
        pytest.param("COURSESTREAM_PORT={taken}", {}, 1, id="in the file"),
        pytest.param("export COURSESTREAM_PORT = '{taken}' # mine", {}, 1, id="in shell's words"),
        pytest.param("COURSESTREAM_PORT={taken}", {"PORT": ""}, 1, id="empty counts as unset"),
        pytest.param("COURSESTREAM_PORT={taken}", {"PORT": "0"}, 0, id="the environment wins"),
        pytest.param("# COURSESTREAM_PORT={taken}", {"PORT": "0"}, 0, id="a comment"),
        pytest.param("", {"PORT": "eighty"}, 0, id="no port: the settings report it"),
        pytest.param("", {"PORT": "99999"}, 0, id="too large: likewise"),
        pytest.param("", {"HOST": "no.such.invalid", "PORT": "{taken}"}, 0, id="no such host"),
    ],
)
def test_the_port_of_the_settings_is_looked_at(
    taken: int,
    lines: str,
    variables: dict[str, str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ports, "ENV_FILE", tmp_path / ".env")
    (tmp_path / ".env").write_text(lines.format(taken=taken))
    for name in ports.DEFAULTS:
        monkeypatch.delenv(f"COURSESTREAM_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"COURSESTREAM_{name}", value.format(taken=taken))

    assert ports.main() == code
    assert (f"cannot listen on {LOOPBACK}:{taken}: in use" in capsys.readouterr().err) is bool(code)


def test_it_needs_nothing_that_is_installed(taken: int) -> None:
    command = [sys.executable, "-S", "-m", "server.web.ports"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"COURSESTREAM_PORT": str(taken)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"coursestream: cannot listen on {LOOPBACK}:{taken}: in use")
