"""Reports of an import from S3: a printed table, and JSON or CSV for `--report`."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from server.tables import table
from server.takeover.errors import ReportError
from server.takeover.inventory import Entry
from server.takeover.options import ImportOptions

BYTES_PER_GB = 10**9  # the reading of S3's price list with the highest cost
TAKEN = ("found", "taken", "deleted")  # and nothing is in the way
VERIFIED = ("verified", "converted", "deleted")
COLUMNS = ("state", "module", "object", "bytes", "detail")


def write_and_print(options: ImportOptions, entries: Sequence[Entry]) -> int:
    """Writes the report and prints the table; returns the exit code. Raises: ReportError."""
    return _write_and_print(options, entries, as_table(entries, options.price_per_gb), TAKEN)


def write_verification(options: ImportOptions, entries: Sequence[Entry]) -> int:
    """Like `write_and_print`, for a verification."""
    return _write_and_print(options, entries, as_verified_table(entries), VERIFIED)


def as_table(entries: Sequence[Entry], price_per_gb: float | None) -> str:
    """Returns a row per module that cannot be imported, counts by state, and the sum."""
    counts = _counts(entries) or "no module has a video"
    return "\n".join([*_left(entries, TAKEN), counts, _sum(entries, price_per_gb)])


def as_verified_table(entries: Sequence[Entry]) -> str:
    """Returns a row per module that differs from its import, and counts by state."""
    return "\n".join([*_left(entries, VERIFIED), _counts(entries) or "nothing was taken over"])


def write_report(path: Path, entries: Sequence[Entry]) -> None:
    """Raises: ReportError."""
    text = _as_csv(entries) if path.suffix == ".csv" else _as_json(entries)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ReportError(f"the report cannot be written: {exc}") from exc


def _write_and_print(
    options: ImportOptions, entries: Sequence[Entry], text: str, well: Sequence[str]
) -> int:
    if options.report is not None:
        write_report(options.report, entries)
    print(text, flush=True)
    return 1 if any(entry.state not in well for entry in entries) else 0


def _left(entries: Sequence[Entry], well: Sequence[str]) -> list[str]:
    return table(COLUMNS, [_row(entry) for entry in entries if entry.state not in well])


def _counts(entries: Sequence[Entry]) -> str:
    counts = Counter(entry.state for entry in entries)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def _row(entry: Entry) -> tuple[str, ...]:
    shown = str(entry.object.location) if entry.object else entry.module.video_url
    return entry.state, entry.module.id, _plain(shown), str(entry.size_bytes), entry.detail


def _sum(entries: Sequence[Entry], price_per_gb: float | None) -> str:
    left = {
        entry.object.location: entry for entry in entries if entry.object and entry.state == "found"
    }
    fetched = sum(entry.fetched_bytes for entry in left.values())
    total = sum(entry.size_bytes for entry in left.values()) - fetched
    line = f"to be fetched: {len(left)} objects, {total} bytes ({total / BYTES_PER_GB:.3f} GB)"
    if price_per_gb is not None:
        line += f", {total / BYTES_PER_GB * price_per_gb:.2f} at {price_per_gb:g} a GB"
    return f"{line}; {fetched} more bytes are here already" if fetched else line


def _plain(text: str) -> str:
    """Replaces unprintable characters: a key could contain terminal escapes."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _fields(entry: Entry) -> dict[str, Any]:
    module, found = entry.module, entry.object
    return {
        "module_id": module.id,
        "course_id": module.course_id,
        "title": module.title,
        "position": module.position,
        "video_url": module.video_url,
        "bucket": found.location.bucket if found else None,
        "key": found.location.key if found else None,
        "size": entry.size_bytes,
        "fetched": entry.fetched_bytes,
        "etag": found.etag if found else None,
        "state": entry.state,
        "detail": entry.detail,
    }


def _as_json(entries: Sequence[Entry]) -> str:
    return msgspec.json.format(msgspec.json.encode([_fields(one) for one in entries])).decode()


def _as_csv(entries: Sequence[Entry]) -> str:
    rows = [_fields(entry) for entry in entries]
    with io.StringIO(newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
        return file.getvalue()
