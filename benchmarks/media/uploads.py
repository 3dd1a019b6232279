"""`python -m benchmarks.media.uploads`: how fast a large file is taken by tus, beside nginx.

curl sends the same gigabyte into a plain nginx (`dav_methods PUT`) and, as one PATCH, into an
upload of the service: until its answer, when all is on the disk, found to be a video, and stored.
Then once more, while somebody asks the service for 64 KiB of another video again and again. The
first round only warms up.
"""

import asyncio
import base64
import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.servers.api import call, client, path_by_bearer
from benchmarks.servers.nginx import nginx
from benchmarks.servers.processes import Cores, choose_cores, cpu_s, pinned
from benchmarks.servers.product import serving, stop
from server.commands.tokens import mint_token
from storage.mp4.faststart import move_index_to_front
from storage.samples import write_clock_mp4

HOST, PORT, NGINX_PORT = "127.0.0.1", 8104, 8105
SECRET = "the tokens of a measurement, thirty-two bytes or more"
RANGE_BYTES, EVERY_S = 64 * 1024, 0.005
LEAST_RATIO, MOST_P99_MS = 0.7, 20.0
METADATA = f"module_id {base64.b64encode(b'bench').decode()}"
PUT = """
server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{ root {files}; dav_methods PUT; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """Both, listening, and the file that they are sent."""

    film: Path
    directory: Path
    cores: Cores
    token: str
    web_pid: int
    range_path: str

    def by_nginx(self) -> float:
        """MB a second."""
        url = f"http://{HOST}:{NGINX_PORT}/film"
        found = self._curl(url, [], "201")
        (self.directory / "nginx" / "files" / "film").unlink()
        return found

    def by_tus(self) -> float:
        headers = {
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": "0",
        }
        lines = [f"{name}: {value}" for name, value in {**headers, **self._bearer()}.items()]
        options = ["-X", "PATCH", *(part for line in lines for part in ("-H", line))]
        found = self._curl(f"http://{HOST}:{PORT}{self._created()}", options, "204")
        # As nginx's: memory that a guest never used before costs it several times more.
        for stored in (self.directory / "data" / "storage").rglob("original.mp4"):
            stored.unlink()
        return found

    def _created(self) -> str:
        with contextlib.closing(http.client.HTTPConnection(HOST, PORT, timeout=30)) as connection:
            headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(self.film.stat().st_size)}
            asked = {**headers, "Upload-Metadata": METADATA, **self._bearer()}
            connection.request("POST", "/api/v1/uploads", headers=asked)
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
            return str(answer.headers["Location"])

    def _curl(self, url: str, options: list[str], status: str) -> float:
        told = ["-sS", "-o", os.devnull, "-w", "%{http_code} %{time_total}", "-H", "Expect:"]
        command = ["curl", *told, "-T", str(self.film), *options, url]
        done = subprocess.run(
            pinned(self.cores.generator, command), capture_output=True, text=True, check=True
        )
        found, seconds = done.stdout.split()
        assert found == status, done.stdout
        return self.film.stat().st_size / float(seconds) / 1e6

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @contextlib.contextmanager
    def asking(self) -> Iterator["Asking"]:
        """Somebody who asks for ranges meanwhile."""
        asking = Asking(self.range_path, self._bearer())
        thread = threading.Thread(target=asking.run)
        thread.start()
        try:
            yield asking
        finally:
            asking.is_over.set()
            thread.join()


@dataclass
class Asking:
    """One range every few milliseconds; each is counted from when it was sent."""

    path: str
    headers: dict[str, str]
    latencies_ms: list[float] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        # Before whoever else has this core: it is the server's time that is measured.
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        with contextlib.closing(http.client.HTTPConnection(HOST, PORT, timeout=30)) as connection:
            while not self.is_over.wait(EVERY_S):
                start = len(self.latencies_ms) % 100 * RANGE_BYTES
                asked = {"Range": f"bytes={start}-{start + RANGE_BYTES - 1}", **self.headers}
                begun_s = time.perf_counter()
                connection.request("GET", self.path, headers=asked)
                answer = connection.getresponse()
                assert (len(answer.read()), answer.status) == (RANGE_BYTES, 206)
                self.latencies_ms.append((time.perf_counter() - begun_s) * 1e3)

    def p99_ms(self) -> float:
        return statistics.quantiles(self.latencies_ms, n=100)[98]


@dataclass(frozen=True, slots=True)
class Round:
    nginx: float
    tus: float
    tus_cpu_s: float
    p99_ms: float
    asked: int


def measured_round(bench: Bench) -> Round:
    nginx, before_s = bench.by_nginx(), cpu_s([bench.web_pid])
    tus, used_s = bench.by_tus(), cpu_s([bench.web_pid]) - before_s
    with bench.asking() as asking:
        bench.by_tus()
    found = Round(nginx, tus, used_s, asking.p99_ms(), len(asking.latencies_ms))
    print(
        f"nginx {found.nginx:6.0f} MB/s   tus {found.tus:6.0f} MB/s, {found.tus_cpu_s:.2f} s of its"
        f" core   p99 of {found.asked} ranges {found.p99_ms:5.1f} ms",
        flush=True,
    )
    return found


def verdicts(rounds: Sequence[Round]) -> Iterator[str]:
    yield f"nginx, MB/s: {spread([one.nginx for one in rounds], 0)}"
    yield f"tus, MB/s: {spread([one.tus for one in rounds], 0)}"
    ratios = [one.tus / one.nginx for one in rounds]
    yield f"tus, of nginx's: {spread(ratios, 2)} (at least {LEAST_RATIO})"
    p99 = [one.p99_ms for one in rounds]
    yield f"p99 of a range meanwhile, ms: {spread(p99, 1)} (at most {MOST_P99_MS:.0f})"


@contextlib.contextmanager
def everybody(directory: Path, size_bytes: int) -> Iterator[Bench]:
    cores, log = choose_cores(), directory / "log"
    film, small = write_film(directory, size_bytes), write_film(directory, 200 * RANGE_BYTES)
    token = mint_token(SECRET, "bench", roles=("admin",))
    with serving(settings_of(directory, media_workers=1), log, cores) as service:
        path = asyncio.run(ready_video(token, small))
        stop(service)
    with (
        serving(settings_of(directory, media_workers=0), log, cores) as service,
        taking_files(directory / "nginx", cores),
    ):
        yield Bench(film, directory, cores, token, service.pid, path)
        stop(service)


def settings_of(directory: Path, media_workers: int) -> dict[str, str]:
    return {
        "DATA_DIR": str(directory / "data"),
        "PORT": str(PORT),
        "JWT_SECRET": SECRET,
        "MEDIA_WORKERS": str(media_workers),
        "LOG_LEVEL": "warning",
        "STREAM_RATE_LIMIT": "1000000/second",
    }


@contextlib.contextmanager
def taking_files(directory: Path, cores: Cores) -> Iterator[None]:
    files = directory / "files"
    with nginx(directory, PUT.format(port=NGINX_PORT, files=files), NGINX_PORT, cores.server):
        files.mkdir()
        yield


def write_film(directory: Path, size_bytes: int) -> Path:
    """Two seconds of video, then a box of nothing that takes no room."""
    camera, film = directory / "camera.mp4", directory / f"film-{size_bytes}.mp4"
    write_clock_mp4(camera, 2)
    move_index_to_front(camera, film)
    with film.open("r+b") as file:
        start = file.seek(0, os.SEEK_END)
        file.write(size_bytes.to_bytes(4, "big") + b"free")
        file.truncate(start + size_bytes)
    return film


async def ready_video(token: str, film: Path) -> str:
    """Path of the video's file."""
    async with client(f"http://{HOST}:{PORT}", token) as admin:
        await call(admin, "PUT", "courses/bench", json={"title": "Benchmarks"})
        module = {"title": "Benchmarks", "position": 1}
        await call(admin, "PUT", "courses/bench/modules/bench", json=module)
        with film.open("rb") as body:
            video = await call(admin, "POST", "modules/bench/videos", data={"file": body})
        async with asyncio.timeout(60):
            while video["status"] == "processing":
                await asyncio.sleep(0.1)
                video = await call(admin, "GET", f"videos/{video['id']}")
    return path_by_bearer(video["id"])


def measure(options: Namespace) -> list[str]:
    with (
        tempfile.TemporaryDirectory(dir=options.output) as directory,
        everybody(Path(directory), options.mebibytes * 2**20) as bench,
    ):
        rounds = [measured_round(bench) for _ in range(1 + options.rounds)][1:]
    return list(verdicts(rounds))


def main(given: list[str]) -> int:
    parser = options_of("media.uploads", __doc__)
    parser.add_argument("--mebibytes", type=int, default=1024)
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
