"""Programs of Node that tests start: installed from npm, pinned, nothing of them in git."""

from pathlib import Path

from tests.programs.registries import run_or_skip

_INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]


def installed(package: str, directory: Path) -> Path:
    """Its `node_modules`; skips the test where it cannot be had, but never in CI."""
    run_or_skip([*_INSTALL, package], directory)
    return directory / "node_modules"
