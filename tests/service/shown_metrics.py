"""The metrics that deploy/ names: in the panels of the dashboard, and in the alerts."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.harness.running import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "coursestream.json"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
NAME = re.compile(r"coursestream_\w+")
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}


def alerts() -> dict[str, Any]:
    """The rules by their name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def panel_expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            expression: str = target["expr"]
            for name, text in VARIABLES.items():
                expression = expression.replace(name, text)
            yield expression


def shown_names() -> set[str]:
    """The names of samples, as Prometheus stores them."""
    expressions = [*panel_expressions(), *(rule["expr"] for rule in alerts().values())]
    return {name for expression in expressions for name in NAME.findall(expression)}
