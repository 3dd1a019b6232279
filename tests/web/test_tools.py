"""The tools and libraries of web/ are pinned, and name no registry's host."""

import json
import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "web"


def test_the_lock_file_pins_each_tool_and_names_no_host() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    manifest = json.loads((WEB / "package.json").read_text())
    wanted = manifest["dependencies"] | manifest["devDependencies"]
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert wanted
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
