"""Writes every generated page; tests/docs/test_generated.py compares them with the code."""

from pathlib import Path

from docs.generators import api, architecture, client_config, configuration, dashboard

DOCS = Path(__file__).resolve().parents[1]
PAGES = {
    "api.md": api.build,
    "architecture.svg": architecture.draw,
    "configuration.md": configuration.build,
    "openapi-python-client.yml": client_config.build,
    "../deploy/grafana/coursestream.json": dashboard.build,
}


def main() -> None:
    for name, build in PAGES.items():
        (DOCS / name).write_text(build())


if __name__ == "__main__":
    main()
