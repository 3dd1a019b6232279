"""A library that makes any file system lack what `LACKING` names, for LD_PRELOAD."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def compile_lacking(directory: Path) -> Path:
    library = directory / "lacking.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library
