"""Published files of a video: put in place durably, linked, removed.

A file is published by fsync, rename, fsync of the directory, so that after a crash it is there
whole or not at all. Everything but `publish_original` blocks. The database decides which files
exist, not this module.
"""

import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import UUID

from storage.disk import Disk
from storage.errors import InvalidPath, wrap_os_errors
from storage.file_locks import hold_directory, hold_lock
from storage.paths import DIRECTORY_MODE, FILE_MODE, StoragePaths
from storage.receiving.uploads import UploadFile


async def publish_original(
    paths: StoragePaths,
    upload: UploadFile,
    course_id: str,
    video_id: UUID,
    name: str,
    disk: Disk,
) -> Path:
    """Finish `upload` and publish it under the name of an original; returns the published path.

    When cancelled during the rename the file may be published all the same: the reconcile finds
    files without a row. Raises: InvalidPath, StorageFull, StorageReadOnly, StorageGone.
    """
    await upload.finish()
    return await disk.run_to_its_end(adopt_asset, paths, upload.path, course_id, video_id, name)


def adopt_asset(paths: StoragePaths, temp: Path, course_id: str, video_id: UUID, name: str) -> Path:
    """Publish the finished file `temp` as `name`, over an older file of that name.

    Raises: InvalidPath (also for a `temp` that is a link), FileMissing, StorageFull,
    StorageReadOnly, StorageGone.
    """
    target = paths.asset(course_id, video_id, name)
    paths.check()
    with wrap_os_errors():
        fsync_own_file(temp)
        _make_video_dir(paths, course_id, video_id)
        os.replace(temp, target)
        fsync_dir(target.parent)
    return target


def flush_files(temps: Iterable[Path]) -> None:
    """Bring finished files to the disk, which may take long; `adopt_flushed` then takes moments.

    Raises: as `adopt_asset`.
    """
    with wrap_os_errors():
        for temp in temps:
            fsync_own_file(temp)


def adopt_flushed(
    paths: StoragePaths, files: Iterable[tuple[Path, str]], course_id: str, video_id: UUID
) -> None:
    """Publish files that are on the disk, each under its name, in their order.

    Raises: as `adopt_asset`.
    """
    paths.check()
    with wrap_os_errors():
        _make_video_dir(paths, course_id, video_id)
        for temp, name in files:
            os.replace(temp, paths.asset(course_id, video_id, name))
        fsync_dir(paths.video_dir(course_id, video_id))


def publish_partial(
    paths: StoragePaths, partial: Path, course_id: str, video_id: UUID, name: str
) -> Path:
    """Link the finished file of an upload to its published name, that of an original.

    The upload's own name is removed once the row exists: a crash in between must not lose the
    upload.
    Raises: InvalidPath, FileMissing, StorageFull, StorageReadOnly, StorageGone.
    """
    target = paths.asset(course_id, video_id, name)
    paths.check()
    with wrap_os_errors():
        os.chmod(partial, FILE_MODE)
        os.utime(partial)  # as in `fsync_own_file`
        _make_video_dir(paths, course_id, video_id)
        os.link(partial, target, follow_symlinks=False)
        fsync_dir(target.parent)
    return target


def link_asset(
    paths: StoragePaths, course_id: str, video_id: UUID, from_name: str, to_name: str
) -> Path:
    """Publish the bytes of `from_name` under `to_name` as well, without a copy; idempotent.

    Raises: InvalidPath, FileMissing, StorageFull, StorageReadOnly, StorageGone.
    """
    source = paths.asset(course_id, video_id, from_name)
    target = paths.asset(course_id, video_id, to_name)
    paths.check()
    draft = paths.upload(uuid.uuid4())
    with wrap_os_errors(), hold_lock(source):  # and with it the draft: they are one file
        try:
            os.link(source, draft, follow_symlinks=False)
            os.replace(draft, target)
        finally:
            # POSIX: rename does nothing when both are already the same file.
            draft.unlink(missing_ok=True)
        fsync_dir(target.parent)
    return target


def remove_asset(paths: StoragePaths, course_id: str, video_id: UUID, name: str) -> None:
    """Remove a file of a video; no error if it does not exist.

    Raises: InvalidPath, StorageReadOnly, StorageGone.
    """
    target = paths.asset(course_id, video_id, name)
    paths.check()
    with wrap_os_errors(), suppress(FileNotFoundError):
        target.unlink()
        fsync_dir(target.parent)


def remove_video(paths: StoragePaths, course_id: str, video_id: UUID) -> None:
    """Remove all files of the video; idempotent.

    Raises: InvalidPath, StorageReadOnly, StorageGone.
    """
    directory = paths.video_dir(course_id, video_id)
    paths.check()
    with wrap_os_errors(), suppress(FileNotFoundError):
        shutil.rmtree(directory)
        fsync_dir(directory.parent)


@contextmanager
def scratch(paths: StoragePaths) -> Iterator[Path]:
    """A new directory on the storage's own file system, removed after the block.

    Raises: StorageFull, StorageReadOnly, StorageGone.
    """
    paths.check()
    directory = paths.scratch(uuid.uuid4())
    with ExitStack() as held:
        with wrap_os_errors():
            held.enter_context(hold_directory(directory))
            directory.mkdir(mode=0o700)
            held.callback(shutil.rmtree, directory, ignore_errors=True)
            held.enter_context(hold_lock(directory))
        yield directory


def fsync_own_file(path: Path) -> None:
    # Media children write files here. A symbolic link left by one in place of a file would later
    # make the server follow it.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        if path.is_symlink():
            raise InvalidPath("a link cannot be published") from exc
        raise
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise InvalidPath("only a file with one name can be published")
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask of the media child
        os.utime(descriptor)  # a file without a row may be removed an hour after its publication
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_video_dir(paths: StoragePaths, course_id: str, video_id: UUID) -> None:
    for directory in (paths.course_dir(course_id), paths.video_dir(course_id, video_id)):
        with suppress(FileExistsError):
            directory.mkdir(mode=DIRECTORY_MODE)
            fsync_dir(directory.parent)


def fsync_dir(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
