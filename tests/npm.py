"""Programs of Node that tests start: installed from npm, pinned, nothing of them in git."""

import os
import subprocess
from pathlib import Path

import pytest

IS_CI = os.environ.get("CI") == "true"
TIMEOUT_S = 180


def installed(package: str, directory: Path) -> Path:
    """Its `node_modules`; skips the test where it cannot be had, but never in CI."""
    try:
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", package],
            cwd=directory,
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        if IS_CI:
            raise
        pytest.skip(f"{package} cannot be installed: {exc}")
    return directory / "node_modules"
