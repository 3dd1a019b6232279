"""Self-test of the storage's mount: refuses one without the features that the storage relies on.

Runs `probe` as a program, within a bounded time, in a new directory among the unfinished
files. The directory is removed; after a kill the next start removes it, as any unfinished file.
"""

import errno
import logging
import os
import shutil
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

from storage.errors import StorageFull, StorageReadOnly, StorageUnfit, wrap_os_errors
from storage.file_locks import lock_descriptor
from storage.mount import probe
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
MOUNTS = Path("/proc/self/mountinfo")
FIT = (
    "ext4, XFS, NFS 4.2, CephFS and JuiceFS have all that is needed; mounts by rclone, s3fs and"
    " mountpoint-s3 have not (docs/several-machines.md)"
)


def require_features(paths: StoragePaths) -> None:
    """Blocks. Raises: StorageUnfit, StorageError.

    A storage that is full or read-only cannot be tested; its videos can be watched all the same.
    """
    try:
        missing = _missing(paths)
    except (StorageFull, StorageReadOnly) as exc:
        logger.warning("the storage could not be tested: %s", exc)
        return
    if missing:
        raise StorageUnfit(
            f"{paths.root} ({mount_type(paths.root)}) cannot hold the storage: it lacks"
            f" {', '.join(missing)}. {FIT}"
        )


def mount_type(path: Path, mounts: Path = MOUNTS) -> str:
    """The file system type that the path lies on (proc(5), mountinfo)."""
    found = {Path("/"): "unknown"}
    for line in mounts.read_text(errors="replace").splitlines():
        fields, _, more = line.partition(" - ")
        place = Path(fields.split()[4].encode().decode("unicode_escape"))
        found[place] = more.split()[0]  # a later mount hides an earlier one
    places = [place for place in found if path.resolve().is_relative_to(place)]
    return found[max(places, key=lambda place: len(place.parts))]


def _missing(paths: StoragePaths) -> list[str]:
    directory = paths.scratch(uuid.uuid4())
    with wrap_os_errors():
        directory.mkdir(mode=0o700)
        try:
            return _probe(paths, directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def _probe(paths: StoragePaths, directory: Path) -> list[str]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _keep_from_clean_up(descriptor)
        ran = subprocess.run(
            [sys.executable, "-I", "-S", probe.__file__, str(directory)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise StorageUnfit(
            f"{paths.root} ({mount_type(paths.root)}) did not answer within {TIMEOUT_S:g} s"
        ) from exc
    finally:
        os.close(descriptor)
    if ran.returncode != 0:
        raise _fault(paths, ran.stderr)
    return [line for line in ran.stdout.splitlines() if line]


def _keep_from_clean_up(descriptor: int) -> None:
    """Lock the directory, if that is possible at all: the probe finds out."""
    with suppress(OSError):
        lock_descriptor(descriptor)


def _fault(paths: StoragePaths, stderr: str) -> Exception:
    """The error that the probe ended with; of a full disk as of writing to it."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        if f"[Errno {number}]" in stderr:
            return OSError(number, os.strerror(number))
    last = stderr.strip().rpartition("\n")[2]
    return StorageUnfit(f"{paths.root} ({mount_type(paths.root)}) cannot be tested: {last}")
