"""Inventory of an import: each module's reference and the state of its object in S3.

Read-only: the legacy database or the manifest, and one HEAD request per object. Blocks.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from db.takeover.legacy import MODULE_COLUMNS, LegacyModule, check_progress, read_modules
from events.errors import NotTaken
from handlers.messages import IDENTIFIER, IN_WORDS
from server.takeover.errors import ManifestError
from server.takeover.options import ImportOptions
from storage.s3.locations import Hosts, Location, UnknownLocation, endpoint_host, parse_url
from storage.s3.objects import S3Object

MAX_TITLE = 200

LookUp = Callable[[Sequence[Location]], S3Object]


@dataclass(frozen=True, slots=True)
class Entry:
    """A module and its object, which is None if the module or its URL is unusable.

    `fetched_bytes` of the object are here from an earlier run.
    """

    module: LegacyModule
    state: str
    detail: str = ""
    object: S3Object | None = None
    fetched_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        return self.object.size_bytes if self.object else 0

    def failed(self, fault: NotTaken) -> Self:
        return replace(self, state=fault.state, detail=str(fault))


def take_inventory(options: ImportOptions, look_up: LookUp) -> list[Entry]:
    """Returns an entry per requested module, in order. Raises: as the readers of modules and of
    viewers' positions, whose table is checked first."""
    if options.progress is not None:
        check_progress(options.from_database or "", options.progress)
    hosts = Hosts(options.cloudfront, endpoint_host(options.endpoint_url))
    entries = [_located(module, hosts) for module in _once_each(_modules(options))]
    wanted = [
        (entry, candidates) for entry, candidates in entries if _is_wanted(options, candidates)
    ]
    found = _looked_up({one for _, one in wanted if one}, look_up, options.parallel)
    return [
        _of_object(entry.module, found[candidates]) if candidates else entry
        for entry, candidates in wanted
    ]


def read_manifest(path: Path) -> list[LegacyModule]:
    """Raises: ManifestError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := set(MODULE_COLUMNS) - set(reader.fieldnames or ()):
                raise ManifestError(f"{path} lacks the columns {', '.join(sorted(missing))}")
            return [_manifest_row(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise ManifestError(f"{path} cannot be read: {exc}") from exc


def _manifest_row(path: Path, line: int, row: dict[str, str | None]) -> LegacyModule:
    values = {name: row[name] or "" for name in MODULE_COLUMNS}
    position = values["position"] or "0"
    if not re.fullmatch(r"-?[0-9]{1,9}", position):
        raise ManifestError(f"{path}, line {line}: the position {position!r} is no whole number")
    return LegacyModule(
        values["id"], values["course_id"], values["title"], int(position), values["video_url"]
    )


def _modules(options: ImportOptions) -> list[LegacyModule]:
    if options.manifest is not None:
        return read_manifest(options.manifest)
    return read_modules(options.from_database or "", options.modules)


def _once_each(modules: Sequence[LegacyModule]) -> list[Entry]:
    """Returns entries with valid titles; modules that we cannot have are marked unusable."""
    seen: set[str] = set()
    entries = []
    for module in modules:
        fault = _fault(module, seen)
        seen.add(module.id)
        titled = replace(module, title=plain_title(module))
        entries.append(Entry(titled, "unusable" if fault else "", fault))
    return entries


def _fault(module: LegacyModule, seen: set[str]) -> str:
    for name, value in (("module id", module.id), ("course id", module.course_id)):
        if not re.fullmatch(IDENTIFIER, value):
            return f"the {name} {value!r} is not {IN_WORDS[IDENTIFIER]}"
    if module.id in seen:
        return f"the module {module.id} stands more than once"
    if not -(2**31) <= module.position < 2**31:
        return f"the position {module.position} is out of bounds"
    return ""


def plain_title(module: LegacyModule) -> str:
    """Returns the title without control characters, truncated; the module's id if empty."""
    plain = "".join(c if unicodedata.category(c) != "Cc" else " " for c in module.title)
    return plain.strip()[:MAX_TITLE].strip() or module.id


def _located(entry: Entry, hosts: Hosts) -> tuple[Entry, tuple[Location, ...]]:
    if entry.state:
        return entry, ()
    try:
        return entry, parse_url(entry.module.video_url, hosts)
    except UnknownLocation as exc:
        return replace(entry, state="unusable", detail=str(exc)), ()


def _is_wanted(options: ImportOptions, candidates: tuple[Location, ...]) -> bool:
    """Applies `--bucket` and `--prefix`; without them, unusable entries are kept, too."""
    if not candidates:
        return not (options.bucket or options.prefix)
    return any(
        one.bucket == (options.bucket or one.bucket) and one.key.startswith(options.prefix)
        for one in candidates
    )


def _looked_up(
    wanted: set[tuple[Location, ...]], look_up: LookUp, parallel: int
) -> dict[tuple[Location, ...], S3Object]:
    """Looks up each object once, `parallel` at a time."""
    with ThreadPoolExecutor(parallel, "s3") as executor:
        try:
            asked = {candidates: executor.submit(look_up, candidates) for candidates in wanted}
            return {candidates: answer.result() for candidates, answer in asked.items()}
        finally:
            executor.shutdown(cancel_futures=True)


def _of_object(module: LegacyModule, found: S3Object) -> Entry:
    return Entry(module, found.state, found.detail, found)
