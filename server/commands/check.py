"""`check`: compares files with the database, prints a table or JSON, and repairs on request.

It attaches to a running database, and never starts one. Exit code 0: no fault, or all repaired; 1:
faults remain for an operator; 2: the check failed.
"""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec

from db.media import differences
from db.media.differences import MediaDifference
from db.pool import open_database
from db.postgres.server_facts import read_running, read_server_facts
from db.processes import clock
from db.writable_host import find_writable
from events.insight.survey import FiguresFinding, survey_figures
from events.upkeep.membership import SILENT_S
from events.upkeep.pairing import pair
from events.upkeep.reconcile import (
    DAMAGED,
    ESSENTIAL,
    STRAY_AFTER_S,
    describe_held_strays,
    holds_strays,
    mend,
    safe_now_s,
)
from events.upkeep.storage_totals import survey_storage
from events.upkeep.survey import Finding, Survey, survey
from server.commands.preparation import current_database
from server.config.settings import Config
from server.limits import ConnectionNeed, connection_need
from server.tables import table
from storage.disk import SHARED_DISK
from storage.mount.features import require_features
from storage.paths import StoragePaths
from storage.upkeep.trash import Restored, TrashBatch, list_trash_batches, restore_trash

CONNECTIONS = 2
COLUMNS = ("finding", "video", "path", "detail", "done")
YOUNG = f"; changed less than {STRAY_AFTER_S / 3600:g} h ago, it may be an upload"
TRASH_COLUMNS = ("in the trash since", "files", "bytes")
USAGE_COLUMNS = ("course", "videos", "files", "recorded bytes", "stored bytes")
FIGURES_COLUMNS = ("figures differ from a recount", "video", "in", "done")
DIFFERENCE_COLUMNS = ("differs from its upload", "video", "in")
MOST_DIFFERENCES = 1000
SAID: dict[str, str] = {
    "stray": "file without row",
    "missing": "row without file",
    "size-differs": "size differs",
    "hash-differs": "hash differs",
    "stuck": "stuck without job",
    "retryable": "failed, can be tried again",
}
DONE: dict[str, str] = {
    "stray": "moved to the trash",
    "stuck": "queued again",
    "retryable": "queued again",
}
COUNTED = {True: "recounted", False: "-"}
NAMED_AT_ONCE = 5
NOTHING_RESTORED = Restored((), ())


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The parsed options of `check`."""

    is_json: bool = False
    is_deep: bool = False
    is_repairing: bool = False
    is_restoring: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    survey: Survey
    mended: tuple[Finding, ...]
    now_s: float
    trash: tuple[TrashBatch, ...] = ()
    restored: Restored = NOTHING_RESTORED
    is_repairing: bool = False
    differences: tuple[MediaDifference, ...] = ()
    """Nothing to repair: whoever uploaded them may want to look."""
    figures: tuple[FiguresFinding, ...] = ()
    connections: ConnectionNeed | None = None

    @property
    def exit_code(self) -> int:
        is_left = len(self.mended) < len(self.survey.findings) or self.restored.blocked
        are_wrong = any(not one.is_mended for one in self.figures)
        return 1 if is_left or are_wrong else 0

    @property
    def _is_held(self) -> bool:
        """True if only `--repair` moves the strays."""
        return not self.is_repairing and holds_strays(self.survey)

    def as_json(self) -> str:
        answer = {
            "videos": self.survey.videos,
            "files": self.survey.files,
            "findings": [self._fields(finding) for finding in self.survey.findings],
            "courses": [
                {"course_id": course_id, **asdict(usage)}
                for course_id, usage in self.survey.usage.items()
            ],
            "media_differences": [asdict(one) for one in self.differences],
            "figures": [asdict(one) for one in self.figures],
            "trash": [asdict(batch) for batch in self.trash],
            "restored": asdict(self.restored),
            "are_strays_held": self._is_held,
            "database_connections": self.connections and asdict(self.connections),
        }
        return msgspec.json.format(msgspec.json.encode(answer)).decode()

    def as_table(self) -> str:
        """Returns the findings, the usage by course, and a summary line."""
        found = [self._row(finding) for finding in self.survey.findings]
        courses = [
            (course_id, *map(str, astuple(usage))) for course_id, usage in self.survey.usage.items()
        ]
        trash = [
            (f"{one.moved_at:%Y-%m-%d %H:%M:%S} UTC", str(one.files), str(one.size_bytes))
            for one in self.trash
        ]
        differing = [
            (one.made, str(one.video_id), ", ".join(one.names)) for one in self.differences
        ]
        figures = [
            (one.course_id, str(one.video_id or "-"), ", ".join(one.names), COUNTED[one.is_mended])
            for one in self.figures
        ]
        tables = (
            (COLUMNS, found),
            (FIGURES_COLUMNS, figures),
            (DIFFERENCE_COLUMNS, differing),
            (USAGE_COLUMNS, courses),
            (TRASH_COLUMNS, trash),
        )
        shown = [block for columns, rows in tables for block in table(columns, rows)]
        return "\n".join([*shown, *self._remarks, self._total])

    @property
    def _remarks(self) -> list[str]:
        remarks = [] if self.connections is None else [str(self.connections)]
        if self.restored.files:
            remarks.append(f"{len(self.restored.files)} files were put back from the trash")
        if self.restored.blocked:
            names = ", ".join(self.restored.blocked[:NAMED_AT_ONCE])
            remarks.append(f"{len(self.restored.blocked)} stay there, others being there: {names}")
        if self._is_held:
            remarks.append(f"{describe_held_strays(self.survey)} until `check --repair`")
        return remarks

    @property
    def _total(self) -> str:
        found = len(self.survey.findings) + len(self.figures)
        left = found - len(self.mended) - sum(one.is_mended for one in self.figures)
        compared = f"{self.survey.videos} videos and {self.survey.files} files compared"
        return f"{compared}: " + (f"{found} findings, {left} left" if found else "all is well")

    def _fields(self, finding: Finding) -> dict[str, Any]:
        return {
            "kind": finding.kind,
            "course_id": finding.course_id,
            "video_id": finding.video_id,
            "path": finding.path,
            "detail": self._detail(finding),
            "is_mended": finding in self.mended,
        }

    def _row(self, finding: Finding) -> tuple[str, ...]:
        done = _done(finding) if finding in self.mended else "-"
        video = str(finding.video_id or "-")
        return SAID[finding.kind], video, finding.path or "-", self._detail(finding), done

    def _detail(self, finding: Finding) -> str:
        is_young = finding.kind == "stray" and finding.changed_s >= self.now_s - STRAY_AFTER_S
        return finding.detail + (YOUNG if is_young else "")


def add_check(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = names.add_parser("check", help="compare files with the database")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--deep", action="store_true", help="read every file for its hash, recount figures"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--repair", action="store_true", help="mend what can be mended")
    change.add_argument(
        "--restore-trash", action="store_true", help="put back the files in the storage's trash"
    )
    parser.set_defaults(run=check, fault_code=2)


def check(config: Config, arguments: Namespace) -> int:
    """Prints how files and rows differ. Raises: StorageError, ForeignStorage, DatabaseError."""
    options = CheckOptions(
        arguments.json, arguments.deep, arguments.repair, arguments.restore_trash
    )
    storage = StoragePaths(config.storage_path)
    kept = timedelta(seconds=config.session_retention_s)
    dsn = current_database(config)
    report = asyncio.run(_check(storage, dsn, options, kept))
    primary = find_writable(dsn)
    running = read_running(primary, SILENT_S)
    need = connection_need(config, read_server_facts(primary), running)
    report = replace(report, connections=need)
    print(report.as_json() if options.is_json else report.as_table())
    return report.exit_code


def _done(finding: Finding) -> str:
    if finding.kind in DAMAGED:
        is_lost = finding.row is not None and finding.row.kind in ESSENTIAL
        return (
            "marked failed" if is_lost and not finding.has_original else "queued to be made again"
        )
    return DONE[finding.kind]


async def _check(
    storage: StoragePaths, dsn: str, options: CheckOptions, sessions_kept: timedelta
) -> CheckReport:
    async with open_database(dsn, size=CONNECTIONS) as database:
        storage = await pair(database, storage, may_make=False)
        await SHARED_DISK.run(require_features, storage)
        restored = NOTHING_RESTORED
        if options.is_restoring:
            restored = await SHARED_DISK.run(restore_trash, storage)
        found = await survey(database, storage, is_deep=options.is_deep)
        now_s = await safe_now_s(database)
        mended: Sequence[Finding] = ()
        if options.is_repairing:
            mended = await mend(database, storage, found.findings, now_s)
        trash = await SHARED_DISK.run(list_trash_batches, storage)
        differing = await differences.list_found(database, MOST_DIFFERENCES)
        figures: list[FiguresFinding] = []
        if options.is_deep:
            since = (await clock.now(database) - sessions_kept).date() + timedelta(days=1)
            figures = await survey_figures(database, since, is_repairing=options.is_repairing)
            figures += await survey_storage(database, is_repairing=options.is_repairing)
        return CheckReport(
            survey=found,
            mended=tuple(mended),
            now_s=now_s,
            trash=tuple(trash),
            restored=restored,
            is_repairing=options.is_repairing,
            differences=tuple(differing),
            figures=tuple(figures),
        )
