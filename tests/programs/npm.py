"""Programs of Node that tests start: installed from npm, pinned, nothing of them in git."""

from pathlib import Path

from tests.programs.registries import run_or_skip

_INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]


def installed(directory: Path, *packages: str) -> Path:
    """Their `node_modules`; skips the test where they cannot be had, but never in CI."""
    run_or_skip([*_INSTALL, *packages], directory)
    return directory / "node_modules"
