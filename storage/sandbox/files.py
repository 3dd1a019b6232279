"""Files of a task: those a child may read and those it may write, each by its whole path.

Output files are created before the child touches the first byte of its input, so that it needs no
right to a directory: no other file can be created, removed or renamed there.
"""

import os

from storage.confinement.files import Files
from storage.errors import wrap_os_errors
from storage.ladder.facts import CopyRungTask, EncodePieceTask, EncodeSoundTask, PlanTask
from storage.media.facts import (
    MAX_TILES,
    TILES_PER_SHEET,
    CustomThumbnailsTask,
    EndsTask,
    ExamineTask,
    ProbeTask,
    RemuxTask,
    StoryboardTask,
    ThumbnailsTask,
    TranscodeTask,
    sheet_file,
)


def probe_files(task: ProbeTask | ExamineTask | PlanTask | EndsTask) -> Files:
    return Files((task.path,))


def remux_files(task: RemuxTask) -> Files:
    return Files((task.source,), (task.target,))


def transcode_files(task: TranscodeTask) -> Files:
    return Files((task.path,), (task.target,))


def picture_files(task: ThumbnailsTask | CustomThumbnailsTask) -> Files:
    written = [task.out_dir / f"{name}.{kind}" for name, _ in task.sizes for kind in task.kinds]
    return Files((task.path,), tuple(written))


def storyboard_files(task: StoryboardTask) -> Files:
    count = MAX_TILES // TILES_PER_SHEET
    return Files((task.path,), tuple(sheet_file(task.out_dir, number) for number in range(count)))


def piece_files(task: EncodePieceTask) -> Files:
    return Files((task.path,), tuple(task.files))


def rung_files(task: CopyRungTask | EncodeSoundTask) -> Files:
    return Files((task.path,), (task.file,))


def no_files(task: object) -> Files:
    return Files()


def create_outputs(files: Files) -> None:
    """Create the output files. Raises: StorageFull, FileMissing and the disk's other errors."""
    with wrap_os_errors():
        for path in files.written:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(path, flags, 0o666))
