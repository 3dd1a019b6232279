"""deploy/patroni.yml and deploy/etcd.conf: they parse, and agree with each other and the docs.

Patroni's own `--validate-config` accepts the file; CI has no Patroni.
"""

import re
from typing import Any

import pytest
import yaml

from tests.harness.running import ROOT

DOCS = (ROOT / "docs" / "several-machines.md").read_text()
LISTED = re.compile(r"\betcd\d=http://([\d.]+):2380\b")
STOPS_WITHIN_S = 20


@pytest.fixture(scope="module")
def patroni() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "patroni.yml").read_text())
    return found


@pytest.fixture(scope="module")
def etcd() -> dict[str, str]:
    lines = (ROOT / "deploy" / "etcd.conf").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_what_was_acknowledged_survives_a_promotion(patroni: dict[str, Any]) -> None:
    dcs = patroni["bootstrap"]["dcs"]

    assert (dcs["synchronous_mode"], dcs["synchronous_mode_strict"]) == (True, True)
    assert dcs["postgresql"]["parameters"]["synchronous_commit"] == "on"
    assert patroni["watchdog"]["mode"] == "required"


def test_a_lease_outlives_a_turn_and_its_attempts(patroni: dict[str, Any]) -> None:
    """Else a primary in good health loses it."""
    dcs = patroni["bootstrap"]["dcs"]

    assert dcs["ttl"] <= STOPS_WITHIN_S
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    assert patroni["watchdog"]["safety_margin"] < dcs["ttl"] - dcs["loop_wait"]


def test_patroni_asks_the_machines_that_etcd_runs_on(
    patroni: dict[str, Any], etcd: dict[str, str]
) -> None:
    members = LISTED.findall(etcd["ETCD_INITIAL_CLUSTER"])

    assert patroni["etcd3"]["hosts"] == [f"{member}:2379" for member in members]
    assert len(members) == 3
    own = dict(part.split("=", 1) for part in etcd["ETCD_INITIAL_CLUSTER"].split(","))
    assert own[etcd["ETCD_NAME"]] == etcd["ETCD_INITIAL_ADVERTISE_PEER_URLS"]


def test_the_balancer_of_the_docs_asks_where_patroni_answers(patroni: dict[str, Any]) -> None:
    address, _, port = patroni["restapi"]["connect_address"].partition(":")

    assert f"default-server check port {port} " in DOCS
    assert f"server {patroni['name']} {address}:5432\n" in DOCS
    assert patroni["postgresql"]["connect_address"] == f"{address}:5432"
