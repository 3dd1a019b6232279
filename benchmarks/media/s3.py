"""`python -m benchmarks.media.s3`: lectures from S3, beside the engine of `aws s3 cp`.

The same objects, from the same store on this machine, in the same rounds, by: s3transfer, which
stores what comes and verifies nothing; the fetching of `import-s3`, which does the same; fetching
and verifying, by MD5 and SHA-256 meanwhile; and the whole command, from its start to its end: with
inventory, ledger, `fdatasync`, probes and rows. All use the same number of connections. The first
round only warms up.
"""

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from boto3.s3.transfer import TransferConfig, create_transfer_manager
from psycopg2.extensions import parse_dsn

from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.media.uploads import write_film
from benchmarks.servers import static_s3
from benchmarks.servers.processes import cpu_s, running, wait_for_port
from benchmarks.servers.product import ROOT
from db.postgres.migrations import migrate
from events.takeover.object_import import PART_BYTES
from server.postgres.embedded import EmbeddedPostgres
from storage.paths import StoragePaths
from storage.s3.locations import Location
from storage.s3.object_fetch import FetchControl, fetch_part
from storage.s3.objects import Client, S3Object, look_up, open_client
from storage.s3.parts import ObjectPart, arrivals, missing_parts
from storage.s3.verification import verify_object

PORT, BUCKET = 8106, "lectures"
ENDPOINT = f"http://127.0.0.1:{PORT}"
CONNECTIONS = 8
LEAST_RATIO = 0.9
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
WORKLOADS = {"eight of 64 MiB": (8, 64 * 2**20), "one of 512 MiB": (1, 512 * 2**20)}


@dataclass(frozen=True, slots=True)
class Bench:
    """The store, listening, and where things are."""

    client: Client
    directory: Path
    store_pid: int
    database_url: str

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    def found(self, keys: Sequence[str]) -> list[S3Object]:
        return [look_up(self.client, 2**40, [Location(BUCKET, key)]) for key in keys]


def by_s3transfer(bench: Bench, keys: Sequence[str], target: Path) -> None:
    config = TransferConfig(max_concurrency=CONNECTIONS, multipart_chunksize=PART_BYTES)
    with create_transfer_manager(bench.client, config) as manager:
        futures = [manager.download(BUCKET, key, str(target / key)) for key in keys]
        for future in futures:
            future.result()


def by_fetching(bench: Bench, keys: Sequence[str], target: Path) -> None:
    with ThreadPoolExecutor(CONNECTIONS) as fetching:
        for key, found in zip(keys, bench.found(keys), strict=True):
            fetch(bench.client, found, target / key, fetching)


def by_verifying(bench: Bench, keys: Sequence[str], target: Path) -> None:
    """Verifies like `Importer`, without its ledger."""
    with (
        ThreadPoolExecutor(CONNECTIONS) as fetching,
        ThreadPoolExecutor(CONNECTIONS) as verifying,
    ):
        verdicts = []
        for key, found in zip(keys, bench.found(keys), strict=True):
            parts = fetch(bench.client, found, target / key, fetching)
            arriving = arrivals(parts, found.size_bytes, threading.Event())
            verdicts.append(
                verifying.submit(verify_object, bench.client, found, target / key, arriving)
            )
        assert {verdict.result().by for verdict in verdicts} == {"etag"}


def fetch(client: Client, found: S3Object, path: Path, fetching: Executor) -> list[ObjectPart]:
    """The parts, while they are being fetched; the last to end closes the file."""
    shared, halted = FetchControl(lambda _: None), threading.Event()
    parts = missing_parts(found.size_bytes, (), PART_BYTES)
    file = path.open("wb")
    done = [
        fetching.submit(fetch_part, client, found, file.fileno(), part, shared, halted)
        for part in parts
    ]
    fetching.submit(close_after, file, done)
    return parts


def close_after(file: BinaryIO, done: Sequence["Future[None]"]) -> None:
    with file:
        for one in done:
            one.result()


def by_command(bench: Bench, keys: Sequence[str], target: Path) -> None:
    manifest = target / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "course_id", "title", "position", "video_url"])
        writer.writerows(
            [f"{target.name}-{key[:-4]}", "c1", key, 1, f"s3://{BUCKET}/{key}"] for key in keys
        )
    settings = {
        "DATA_DIR": str(bench.data_dir),
        "DATABASE_URL": bench.database_url,
        "STORAGE_RESERVE": "0",
    }
    environ = {f"COURSESTREAM_{name}": value for name, value in settings.items()}
    command = [sys.executable, str(ROOT / "run_server.py"), "import-s3", "--manifest"]
    options = [str(manifest), "--endpoint-url", ENDPOINT, "--parallel", str(CONNECTIONS)]
    subprocess.run(
        [*command, *options], env=os.environ | environ, check=True, stdout=subprocess.PIPE
    )
    for stored in bench.data_dir.rglob("original.mp4"):
        stored.unlink()


Contender = Callable[[Bench, Sequence[str], Path], None]
CONTENDERS: Mapping[str, Contender] = {
    "s3transfer": by_s3transfer,
    "fetching": by_fetching,
    "verifying": by_verifying,
    "command": by_command,
}


@dataclass(frozen=True, slots=True)
class Sample:
    mb_per_s: float
    store_cpu_s: float


def measured(bench: Bench, contender: Contender, keys: Sequence[str]) -> Sample:
    """Removes the stored objects afterwards."""
    size_bytes = sum(found.size_bytes for found in bench.found(keys))
    with tempfile.TemporaryDirectory(dir=bench.directory) as target:
        before_s, began_s = cpu_s([bench.store_pid]), time.perf_counter()
        contender(bench, keys, Path(target))
        took_s = time.perf_counter() - began_s
    return Sample(size_bytes / took_s / 1e6, cpu_s([bench.store_pid]) - before_s)


Round = Mapping[str, Sample]


def measured_rounds(bench: Bench, workload: str, rounds: int) -> list[Round]:
    count, _ = WORKLOADS[workload]
    keys = [f"{count}-{number}.mp4" for number in range(count)]
    found: list[Round] = []
    for _ in range(1 + rounds):
        found.append({name: measured(bench, by, keys) for name, by in CONTENDERS.items()})
        shown = "   ".join(f"{name} {one.mb_per_s:5.0f} MB/s" for name, one in found[-1].items())
        print(f"{workload}: {shown}", flush=True)
    return found[1:]


def verdicts(workload: str, rounds: Sequence[Round]) -> Iterator[str]:
    for name in CONTENDERS:
        speeds = [one[name].mb_per_s for one in rounds]
        yield f"{workload}, {name}, MB/s: {spread(speeds, 0)}"
    for name in ("fetching", "verifying", "command"):
        ratios = [one[name].mb_per_s / one["s3transfer"].mb_per_s for one in rounds]
        yield f"{workload}, {name}, of s3transfer's: {spread(ratios, 2)}"
    busiest = statistics.median(one["s3transfer"].store_cpu_s for one in rounds)
    yield f"{workload}, the store's processor time for s3transfer, s: {busiest:.2f}"


@contextmanager
def everybody(directory: Path) -> Iterator[Bench]:
    objects, log = directory / "objects", directory / "log"
    objects.mkdir()
    directory.chmod(0o711)  # PostgreSQL runs as somebody else
    for count, size_bytes in WORKLOADS.values():
        film = write_film(directory, size_bytes)
        for number in range(count):
            (objects / f"{count}-{number}.mp4").hardlink_to(film)
    store = [sys.executable, static_s3.__file__, str(objects), str(PORT)]
    with ExitStack() as stack:
        process = stack.enter_context(running(store, log))
        wait_for_port(process, PORT, log)
        postgres = stack.enter_context(EmbeddedPostgres(directory / "postgres", {}))
        migrate(postgres.dsn_of("postgres"))
        StoragePaths(directory / "data" / "storage").prepare()
        client = open_client(ENDPOINT, None, None, CONNECTIONS)
        stack.callback(client.close)
        yield Bench(client, directory, process.pid, url_of(postgres.dsn_of("postgres")))


def url_of(dsn: str) -> str:
    named = parse_dsn(dsn)
    user, name = named.pop("user"), named.pop("dbname")
    return f"postgresql://{user}@/{name}?{urlencode(named)}"


def measure(options: Namespace) -> list[str]:
    os.environ.update(CREDENTIALS)
    with (
        tempfile.TemporaryDirectory(dir=options.output) as directory,
        everybody(Path(directory)) as bench,
    ):
        rounds = {name: measured_rounds(bench, name, options.rounds) for name in WORKLOADS}
    told = [line for name, found in rounds.items() for line in verdicts(name, found)]
    return [f"fetching should reach {LEAST_RATIO} of s3transfer", *told]


def main(given: list[str]) -> int:
    return run_isolated(options_of("media.s3", __doc__), given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
