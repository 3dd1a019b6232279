"""Secret files that every user of the machine can read are found, and warned of at start."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config.settings import load_config
from server.credentials.private_files import exposed

ROOT = Path(__file__).resolve().parents[3]
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that others may enter; pytest's own may not be."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("mode", "folder_mode", "is_found"),
    [
        pytest.param(0o600, 0o755, False, id="owner"),
        pytest.param(0o640, 0o755, False, id="group"),
        pytest.param(0o644, 0o755, True, id="everybody"),
        pytest.param(0o604, 0o711, True, id="folder-may-be-entered"),
        pytest.param(0o644, 0o750, False, id="folder-is-closed"),
    ],
)
def test_files_of_everybody_are_found(
    public: Path, mode: int, folder_mode: int, is_found: bool
) -> None:
    file = public / "key.pem"
    file.touch()
    file.chmod(mode)
    link = public / "link"
    link.symlink_to(file)
    public.chmod(folder_mode)

    assert exposed([file, link, public / "missing"]) == ([file, link] if is_found else [])


@pytest.mark.parametrize(
    ("text", "has_secret"),
    [
        pytest.param("COURSESTREAM_PORT=8081\n", False, id="no-secret"),
        pytest.param("COURSESTREAM_JWT_SECRET=" + 32 * "s", True, id="jwt"),
        pytest.param("COURSESTREAM_DATABASE_URL=" + UNREACHABLE, True, id="database"),
    ],
)
def test_an_env_file_counts_by_its_secrets(tmp_path: Path, text: str, has_secret: bool) -> None:
    file = tmp_path / ".env"
    file.write_text(text)

    assert load_config({}, file).env_file == (file if has_secret else None)


@pytest.mark.parametrize(("mode", "is_warned"), [(0o644, True), (0o600, False)])
def test_an_exposed_env_file_is_warned_of_at_start(
    public: Path, mode: int, is_warned: bool
) -> None:
    file = public / ".env"
    file.write_text(f"COURSESTREAM_DATABASE_URL={UNREACHABLE}\nCOURSESTREAM_DATA_DIR={public}/data")
    file.chmod(mode)
    code = (
        "import pathlib, run_server, sys\n"
        f"run_server.ENV_FILE = pathlib.Path({str(file)!r})\n"
        "sys.exit(run_server.main(['migrate']))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 1  # no database, and no refusal of the file
    assert (f"every user of this machine can read {file}" in ended.stderr) is is_warned
