"""deploy/kubernetes as kubectl builds it: right by Kubernetes' schemas, agreeing with the image."""

import re
import shutil
import subprocess
import sys
from base64 import b64decode
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import PodMonitor

from events.metrics import PREFIX as METRICS_PREFIX
from server.config.settings import load_config
from server.processes import STOP_TIMEOUT_S as WORKER_STOP_TIMEOUT_S
from server.web.processes import STOP_TIMEOUT_S
from tests.harness.running import ROOT

HERE = ROOT / "deploy" / "kubernetes"
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text()
OLDEST, NEWEST = "1.27", "1.37"
KUBECTL = Path(sys.executable).with_name("kubectl")
SECRETS = {
    "JWT_SECRET": "x" * 32,
    "GRANT_SECRET": "y" * 32,
    "DATABASE_URL": "postgresql://coursestream:z@database/coursestream",
}
COMMANDS = {"Deployment/web": "serve", "Deployment/worker": "worker", "Job/migrate": "migrate"}

Resources = dict[str, dict[str, Any]]


def build(directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [KUBECTL, "kustomize", str(directory)], capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With secrets filled in as an operator does."""
    directory = tmp_path_factory.mktemp("kubernetes") / "copy"
    shutil.copytree(HERE, directory, ignore=shutil.ignore_patterns("secrets.env"))
    example = (HERE / "secrets.env.example").read_text()
    for name, value in SECRETS.items():
        assert f"COURSESTREAM_{name}=\n" in example
        example = example.replace(f"COURSESTREAM_{name}=\n", f"COURSESTREAM_{name}={value}\n")
    (directory / "secrets.env").write_text(example)
    return directory


def built_resources(directory: Path) -> Resources:
    """By kind and name."""
    built = build(directory)
    assert (built.returncode, built.stderr) == (0, "")
    found = yaml.safe_load_all(built.stdout)
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


@pytest.fixture(scope="module")
def resources(directory: Path) -> Resources:
    return built_resources(directory)


@pytest.fixture(scope="module")
def by_streams(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """The same with the component, switched on as docs/several-machines.md says."""
    copy = tmp_path_factory.mktemp("streams") / "copy"
    shutil.copytree(directory, copy)
    example = (copy / "streams" / "secrets.env.example").read_text()
    (copy / "streams" / "secrets.env").write_text(example.replace("token=", "token=abc"))
    text = (copy / "kustomization.yaml").read_text()
    assert "\n#components: [streams]\n" in text
    (copy / "kustomization.yaml").write_text(text.replace("#components:", "components:"))
    return built_resources(copy)


def pod(resources: Resources, name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[name]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_resource_is_right_by_its_schema(resources: Resources, version: str) -> None:
    assert len(resources) == 11
    for resource in resources.values():
        kubernetes_validate.validate(resource, version, strict=True)


def test_nothing_is_built_without_secrets(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("secrets.env")
    shutil.copytree(HERE, tmp_path / "copy", ignore=ignored)

    built = build(tmp_path / "copy")

    assert built.returncode != 0
    assert "secrets.env" in built.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_pods_are_confined_as_the_image_is(resources: Resources, name: str) -> None:
    spec = pod(resources, name)
    (container,) = spec["containers"]

    assert f"--uid {spec['securityContext']['runAsUser']} " in CONTAINERFILE
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
    assert not spec["automountServiceAccountToken"]


@pytest.mark.parametrize("name", COMMANDS)
def test_their_settings_are_valid(resources: Resources, name: str, tmp_path: Path) -> None:
    """Those of services, which Kubernetes would add, are no settings."""
    spec = pod(resources, name)
    config_map, secret = spec["containers"][0]["envFrom"]
    settings = resources[f"ConfigMap/{config_map['configMapRef']['name']}"]["data"]
    assert f"Secret/{secret['secretRef']['name']}" in resources
    secrets = {f"COURSESTREAM_{name}": value for name, value in SECRETS.items()}

    config = load_config({**settings, **secrets}, tmp_path / "no.env")

    assert (config.has_embedded_database, config.media_workers) == (False, 0)
    assert spec["enableServiceLinks"] is False


@pytest.mark.parametrize(("name", "command"), list(COMMANDS.items()))
def test_pods_run_commands_of_the_program(resources: Resources, name: str, command: str) -> None:
    (container,) = pod(resources, name)["containers"]
    version = re.findall(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)[0]

    assert container["args"] == [command]
    assert container["image"].endswith(f"/coursestream:{version}")
    assert (ROOT / "server" / "commands" / f"{command}.py").exists()


def test_probes_and_service_ask_what_the_image_exposes(resources: Resources) -> None:
    (container,) = pod(resources, "Deployment/web")["containers"]
    (port,) = container["ports"]
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")}

    assert f"EXPOSE {port['containerPort']}\n" in CONTAINERFILE
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert resources["Service/web"]["spec"]["ports"][0]["targetPort"] == port["name"]


def test_pods_have_time_to_stop(resources: Resources) -> None:
    web = pod(resources, "Deployment/web")
    before_s = int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])

    assert web["terminationGracePeriodSeconds"] > before_s + STOP_TIMEOUT_S + 10
    worker = pod(resources, "Deployment/worker")
    assert worker["terminationGracePeriodSeconds"] > WORKER_STOP_TIMEOUT_S * 2


def test_selectors_find_the_pods(resources: Resources) -> None:
    labels = resources["Deployment/web"]["spec"]["template"]["metadata"]["labels"]

    assert resources["Deployment/web"]["spec"]["selector"]["matchLabels"] == labels
    assert resources["Service/web"]["spec"]["selector"] == labels
    assert resources["PodDisruptionBudget/web"]["spec"]["selector"]["matchLabels"] == labels
    scaled = resources["HorizontalPodAutoscaler/web"]["spec"]["scaleTargetRef"]
    assert f"{scaled['kind']}/{scaled['name']}" in resources
    claim = resources["PersistentVolumeClaim/data"]["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]


def test_streams_scale_the_nodes_beside_their_processors(
    resources: Resources, by_streams: Resources
) -> None:
    before, after = (
        each["HorizontalPodAutoscaler/web"]["spec"] for each in (resources, by_streams)
    )
    streams, processors = after["metrics"]

    assert set(by_streams) - set(resources) == {"PodMonitor/web", "Secret/metrics-token"}
    assert before["metrics"] == [processors]
    assert before == {**after, "metrics": before["metrics"]}
    name = streams["pods"]["metric"]["name"]
    assert name.startswith(METRICS_PREFIX)
    assert f"`{name}`" in (ROOT / "docs" / "metrics.md").read_text()  # held to a scrape
    (rule,) = yaml.safe_load((HERE / "streams" / "adapter-rules.yaml").read_text())["rules"]
    assert rule["seriesQuery"].partition("{")[0] == name
    kubernetes_validate.validate(by_streams["HorizontalPodAutoscaler/web"], NEWEST, strict=True)


def test_the_pod_monitor_is_right_by_its_schema(by_streams: Resources) -> None:
    monitor = by_streams["PodMonitor/web"]

    assert _known_to_operator(monitor) == monitor


def test_a_misspelt_field_of_the_pod_monitor_is_found(by_streams: Resources) -> None:
    monitor = deepcopy(by_streams["PodMonitor/web"])
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "15s"

    assert _known_to_operator(monitor) == by_streams["PodMonitor/web"]


def _known_to_operator(monitor: dict[str, Any]) -> dict[str, Any]:
    """The fields that the operator's types have, their values valid; others are left out."""
    model = PodMonitor.model_validate(monitor)
    known: dict[str, Any] = model.model_dump(by_alias=True, exclude_unset=True)
    return known


def test_prometheus_reads_the_metrics_of_the_nodes_by_a_token(by_streams: Resources) -> None:
    monitor = by_streams["PodMonitor/web"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (container,) = pod(by_streams, "Deployment/web")["containers"]
    key = endpoint["authorization"]["credentials"]
    secret = by_streams[f"Secret/{key['name']}"]

    labels = by_streams["Deployment/web"]["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"] == labels
    assert endpoint["port"] in [port["name"] for port in container["ports"]]
    assert b64decode(secret["data"][key["key"]]) == b"abc"
    assert monitor["metadata"]["namespace"] == secret["metadata"]["namespace"] == "coursestream"
