"""deploy/compose.yaml follows the specification, and agrees with image, settings and HAProxy."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from server.config.settings import PREFIX, SETTINGS, load_config
from server.web.processes import STOP_TIMEOUT_S
from tests.deploy.conftest import program
from tests.harness.running import ROOT

DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text()
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")
ANY_VARIABLE = re.compile(r"\$\{?\w+")
NAMED_SETTING = re.compile(rf"{PREFIX}(\w+)")
OURS = ("node1", "node2", "worker", "migrate")
ENGINES = ("balancer", "database", "valkey")
SECRETS = {"JWT_SECRET", "GRANT_SECRET", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXT)["services"]
    return found


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def test_it_follows_the_specification() -> None:
    """Merged first: the keys of YAML are no part of the specification."""
    read = compose_spec.PyCompose.from_json(json.dumps(yaml.safe_load(TEXT)))

    assert set(read.service_names()) == {*OURS, *ENGINES}


def test_no_secret_has_a_value_here() -> None:
    assert set(REQUIRED.findall(TEXT)) == SECRETS
    assert len(ANY_VARIABLE.findall(TEXT)) == len(REQUIRED.findall(TEXT))


@pytest.mark.parametrize("name", OURS)
def test_its_settings_are_valid(services: dict[str, Any], name: str, tmp_path: Path) -> None:
    given = {
        variable: REQUIRED.sub("x" * 32, value)
        for variable, value in services[name]["environment"].items()
    }

    config = load_config(given, tmp_path / "no.env")

    assert (config.has_embedded_database, config.media_workers) == (False, 0)
    database = services["database"]["networks"]["nodes"]["ipv4_address"]
    assert f"@{database}/coursestream" in given["COURSESTREAM_DATABASE_URL"]
    valkey = services["valkey"]["networks"]["nodes"]["ipv4_address"]
    assert given["COURSESTREAM_REDIS_URL"].endswith(f"@{valkey}")
    balancer = services["balancer"]["networks"]["nodes"]["ipv4_address"]
    assert list(config.trusted_proxies) == [f"{balancer}/32"]


@pytest.mark.parametrize("name", [*OURS, *ENGINES])
def test_every_service_is_confined(services: dict[str, Any], name: str) -> None:
    service = services[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"] == 4096
    assert service.get("user", "of the image") != "root"


@pytest.mark.parametrize("name", OURS)
def test_the_image_is_the_one_that_make_image_builds(services: dict[str, Any], name: str) -> None:
    version = re.findall(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)

    assert services[name]["image"] == f"localhost/coursestream:{version[0]}"
    assert services[name]["pull_policy"] == "never"
    assert "VOLUME /data\n" in CONTAINERFILE
    assert services[name]["volumes"] == ["data:/data"]
    assert seconds(services[name]["stop_grace_period"]) > STOP_TIMEOUT_S + 10


@pytest.mark.parametrize("name", ["node1", "node2"])
def test_a_node_is_healthy_when_it_is_ready(services: dict[str, Any], name: str) -> None:
    check = services[name]["healthcheck"]

    assert "EXPOSE 8080\n" in CONTAINERFILE
    assert "http://127.0.0.1:8080/readyz" in check["test"][-1]
    compile(check["test"][-1], "check", "exec")
    assert check["test"][1] in CONTAINERFILE


def test_the_balancer_knows_the_nodes(services: dict[str, Any]) -> None:
    told = services["balancer"]["environment"]

    for number in (1, 2):
        address = services[f"node{number}"]["networks"]["nodes"]["ipv4_address"]
        assert told[f"NODE{number}"] == f"{address}:8080"
    assert [port.rpartition(":")[2] for port in services["balancer"]["ports"]] == ["8080"]


@pytest.mark.parametrize("is_contained", [True, False], ids=["in a container", "by itself"])
def test_haproxy_takes_its_file_as_it_is(services: dict[str, Any], is_contained: bool) -> None:
    """Outside a container it asks for the certificate, which is yours."""
    told = services["balancer"]["environment"] if is_contained else {}

    found = subprocess.run(
        [program("haproxy"), "-c", "-f", str(DEPLOY / "haproxy.cfg")],
        env={"PATH": os.environ["PATH"], **told},
        capture_output=True,
        text=True,
    )

    assert (found.returncode == 0) is is_contained, found.stderr
    assert ("certificate.pem" in found.stderr) is not is_contained


def test_every_setting_that_a_deployed_file_names_exists() -> None:
    named = {
        (path.name, name)
        for path in DEPLOY.rglob("*")
        if path.is_file()
        for name in NAMED_SETTING.findall(path.read_text())
    }

    assert len(named) > 10
    assert {(path, name) for path, name in named if name not in SETTINGS} == set()
