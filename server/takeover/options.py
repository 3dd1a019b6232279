"""Options of `import-s3`: their argparse declarations and parsing rules."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.takeover.legacy import MODULE_COLUMNS, PROGRESS_COLUMNS, LegacyTable
from server.config.values import size
from server.takeover.errors import OptionsError

MAX_PARALLEL = 64
DEFAULT_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The parsed options; one of `from_database` and `manifest` is set, except by `is_verifying`
    and `is_rollback`."""

    from_database: str | None
    manifest: Path | None
    modules: LegacyTable
    progress: LegacyTable | None
    progress_report: Path | None
    bucket: str | None
    prefix: str
    cloudfront: Mapping[str, str]
    endpoint_url: str | None
    region: str | None
    profile: str | None
    parallel: int
    bandwidth_bytes: int | None
    is_dry: bool
    is_verifying: bool
    is_rollback: bool
    price_per_gb: float | None
    report: Path | None


def add_options(names: Any) -> argparse.ArgumentParser:
    """Add the command to the subparsers of the program, with its options."""
    parser: argparse.ArgumentParser = names.add_parser(
        "import-s3", help="take lectures over from S3", formatter_class=_Formatter
    )
    _add_modes(parser)
    _add_tables(parser)
    _add_objects(parser)
    _add_running(parser)
    return parser


def _add_modes(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from-database", metavar="URL", help="the course service's PostgreSQL")
    source.add_argument(
        "--manifest", type=Path, metavar="FILE.csv", help=f"columns {', '.join(MODULE_COLUMNS)}"
    )
    source.add_argument("--verify", action="store_true", help="check that imports are still intact")
    source.add_argument("--rollback", action="store_true", help="play imports from S3 again")


def _add_tables(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--modules-table", default="modules", metavar="[SCHEMA.]TABLE")
    parser.add_argument(
        "--module-columns",
        type=pairs("OURS=THEIRS", MODULE_COLUMNS),
        default={},
        metavar="OURS=THEIRS,...",
        help="columns of other names, such as id=module_pk,video_url=url",
    )
    parser.add_argument(
        "--progress-table", metavar="[SCHEMA.]TABLE", help="import viewers' positions from there"
    )
    parser.add_argument(
        "--progress-columns",
        type=pairs("OURS=THEIRS", PROGRESS_COLUMNS),
        default={},
        metavar="OURS=THEIRS,...",
        help="its columns of other names; percent=... for positions in percent",
    )
    parser.add_argument(
        "--progress-report",
        type=_named_csv,
        metavar="FILE.csv",
        help="positions left out, and viewers not enrolled",
    )


def _add_objects(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bucket", help="only objects of this bucket")
    parser.add_argument("--prefix", default="", help="only objects with this prefix of the key")
    parser.add_argument(
        "--cloudfront-map",
        type=pairs("HOST=BUCKET"),
        action=_Merged,
        default={},
        metavar="HOST=BUCKET",
        help="bucket behind a CloudFront host; may be repeated",
    )
    parser.add_argument("--endpoint-url", metavar="URL", help="an S3 that is not Amazon's")
    parser.add_argument("--region")
    parser.add_argument("--profile", help="credentials of that name in ~/.aws")


def _add_running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parallel", type=_parallel, default=DEFAULT_PARALLEL, metavar="N")
    parser.add_argument(
        "--bandwidth-limit", type=_bandwidth, metavar="SIZE", help="bytes a second, such as 20MiB"
    )
    parser.add_argument("--price-per-gb", type=_price, metavar="P", help="to estimate the cost")
    parser.add_argument(
        "--report", type=_report, metavar="FILE", help="each object, as .json or .csv"
    )
    parser.add_argument("--dry-run", action="store_true", help="list only, fetch nothing")


def import_options(arguments: argparse.Namespace) -> ImportOptions:
    """Raises: OptionsError."""
    return ImportOptions(
        from_database=arguments.from_database,
        manifest=arguments.manifest,
        modules=LegacyTable(arguments.modules_table, arguments.module_columns),
        progress=_progress_table(arguments),
        progress_report=arguments.progress_report,
        bucket=arguments.bucket,
        prefix=arguments.prefix,
        cloudfront={host.lower(): bucket for host, bucket in arguments.cloudfront_map.items()},
        endpoint_url=arguments.endpoint_url,
        region=arguments.region,
        profile=arguments.profile,
        parallel=arguments.parallel,
        bandwidth_bytes=arguments.bandwidth_limit,
        is_dry=arguments.dry_run and not arguments.verify,
        is_verifying=arguments.verify,
        is_rollback=arguments.rollback,
        price_per_gb=arguments.price_per_gb,
        report=arguments.report,
    )


def _progress_table(arguments: argparse.Namespace) -> LegacyTable | None:
    if arguments.progress_table is None:
        if arguments.progress_columns or arguments.progress_report:
            raise OptionsError("--progress-columns and --progress-report need --progress-table")
        return None
    if arguments.from_database is None:
        raise OptionsError("--progress-table needs --from-database")
    return LegacyTable(arguments.progress_table, arguments.progress_columns)


def pairs(shape: str, allowed: Sequence[str] = ()) -> Callable[[str], dict[str, str]]:
    """Returns a parser of `a=b,c=d` to a mapping, optionally limited to the `allowed` names."""

    def parse(text: str) -> dict[str, str]:
        found = {}
        for piece in text.split(","):
            name, _, value = piece.partition("=")
            if not (name and value) or (allowed and name not in allowed):
                only = f" with {', '.join(allowed)} on the left" if allowed else ""
                raise argparse.ArgumentTypeError(f"found {piece!r}, allowed is {shape}{only}")
            found[name] = value
        return found

    return parse


class _Merged(argparse.Action):
    """Merges the mappings of a repeated option."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), **values})


def _formatter_width(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, max_help_position=32, width=100)


_Formatter: Any = _formatter_width


def _parallel(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PARALLEL):
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is 1 to {MAX_PARALLEL}")
    return int(text)


def _bandwidth(text: str) -> int:
    rule = size()
    try:
        limit: int = rule.parse(text)
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is {rule.allowed}") from None
    return limit


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < 1000:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is a price such as 0.09")
    return price


def _report(text: str) -> Path:
    if not text.endswith((".json", ".csv")):
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is a name in .json or .csv")
    return Path(text)


def _named_csv(text: str) -> Path:
    if not text.endswith(".csv"):
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is a name in .csv")
    return Path(text)
