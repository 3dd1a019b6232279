"""The tools and libraries of web/ are pinned, and name no registry's host."""

import json
import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "web"


def test_the_lock_file_pins_each_tool_and_names_no_host() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    folders = ["", *json.loads((WEB / "package.json").read_text())["workspaces"]]
    packages = {
        name: package
        for name, package in lock["packages"].items()
        if name not in folders and not package.get("link")
    }

    for folder in folders:
        manifest = json.loads((WEB / folder / "package.json").read_text())
        wanted = manifest.get("dependencies", {}) | manifest["devDependencies"]
        assert wanted
        for name, version in wanted.items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version)
            own, common = f"{folder}/node_modules/{name}".lstrip("/"), f"node_modules/{name}"
            assert (packages.get(own) or packages[common])["version"] == version
    assert all("integrity" in package for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
