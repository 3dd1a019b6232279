"""The dashboard for Grafana, as the JSON that it provisions; `panels` says what is shown."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from docs.generators.panels import ROWS, Panel

SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS, PANEL_WIDTH, PANEL_HEIGHT, STAT_WIDTH, STAT_HEIGHT = 24, 8, 8, 3, 4


def build() -> str:
    """Returns the dashboard's JSON."""
    dashboard = {
        "uid": "coursestream",
        "title": "coursestream",
        "tags": ["coursestream"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "templating": {"list": [_source_variable(), _instance_variable()]},
        "panels": list(_panels()),
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _source_variable() -> dict[str, Any]:
    return {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}


def _instance_variable() -> dict[str, Any]:
    query = "label_values(coursestream_build_info, instance)"
    return {
        "name": "instance",
        "label": "Instance",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "instances"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    ids, top = count(1), 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": next(ids), "type": "row", "title": title, "gridPos": place, "panels": []}
        top += 1
        width, height = _size(panels[0])
        a_line = COLUMNS // width
        for number, panel in enumerate(panels):
            x, y = number % a_line * width, top + number // a_line * height
            place = {"x": x, "y": y, "w": width, "h": height}
            yield {"id": next(ids), "gridPos": place, **_panel(panel)}
        top += -(-len(panels) // a_line) * height


def _size(panel: Panel) -> tuple[int, int]:
    is_stat = panel.kind == "stat"
    return (STAT_WIDTH, STAT_HEIGHT) if is_stat else (PANEL_WIDTH, PANEL_HEIGHT)


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend or "__auto",
            }
            for number, query in enumerate(panel.queries)
        ],
    }
