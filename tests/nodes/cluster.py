"""Three nodes, HAProxy, a media worker, Redis and two PostgreSQL, each on a machine of its own.

The addresses of the nodes are those of `deploy/haproxy.cfg`.
"""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import aiohttp

from server.commands.tokens import mint_token
from tests.deploy.proxies.configured.debian_haproxy import Haproxy, running_haproxy, substituted
from tests.faults.conftest import furnish
from tests.harness.running import ROOT, SECRET, start, stop, wait_for
from tests.harness.serving import ready_video_of, write_large_mp4
from tests.nodes.crowd import Film, playback_at
from tests.nodes.databases import Database, Databases, running_databases
from tests.nodes.network import Machine, network
from tests.programs.redis_server import RedisServer
from tests.service.several_nodes import Node

FILM_BYTES = 4 * 2**20
PORT = 8080
JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
WITHIN_S = 150.0
NODES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
BALANCER, WORKER, REDIS = "10.0.0.9", "10.0.0.10", "10.0.0.31"
DATABASES = ("10.0.0.21", "10.0.0.22")
CHECKED = ("alive", "api")  # the others follow these
FAR_MS = 5  # one way, from the third node to the database
MORTAL = ("setpriv", "--pdeathsig", "KILL")  # even when the test process is killed
# A media worker has a machine of its own, and here the same processors as all others.
PATIENT = ("nice", "-n", "19")


@dataclass(kw_only=True)
class Service(Node):
    """A `serve` or `worker` on its machine, started as often as a test likes."""

    machine: Machine
    command: str = "serve"

    def begin(self, *environ: str, root: Path = ROOT, prefix: Sequence[str] = ()) -> None:
        """Waits until it listens; a worker is not waited for."""
        told_before = self.log().count("listens on")
        namespace = f"--net=/proc/{self.machine.holder.pid}/ns/net"
        self.process = start(
            *(self.data_dir, self.output, self.port, self.command),
            root=root,
            prefix=(*MORTAL, "nsenter", namespace, *prefix, "env", *environ),
            **self.settings,
        )
        if self.command == "serve":
            wait_for(lambda: self._listens(told_before), "the address", WITHIN_S)

    def _listens(self, told_before: int) -> bool:
        assert self.process.poll() is None, self.log()[-2000:]
        return self.log().count("listens on") > told_before

    def stop(self) -> int:
        return stop(self.process)

    def web_pids(self) -> set[int]:
        """Those of several web processes."""
        return asyncio.run(self.web_processes())


@dataclass
class Cluster:
    """All of it, and a film that is ready."""

    nodes: tuple[Service, ...]
    worker: Service
    databases: Databases
    redis: RedisServer
    redis_machine: Machine
    balancer: Machine
    haproxy: Haproxy
    storage: Path
    film: Film = field(init=False)
    primary: Database = field(init=False)

    def node_of_the_film(self) -> Service:
        """The one that has answered most of its ranges since HAProxy was asked last."""
        served = self._served()
        gained = {name: served[name] - self._before.get(name, 0) for name in served}
        self._before = served
        return self.nodes[int(max(gained, key=lambda name: gained[name])[-1]) - 1]

    _before: dict[str, int] = field(default_factory=dict)

    def _served(self) -> dict[str, int]:
        servers = self.haproxy.servers("media")
        return {name: int(row["hrsp_2xx"]) for name, row in servers.items()}

    def status_of(self, node: Service, path: str) -> int:
        return self.balancer.run(lambda: asyncio.run(_status(node.machine.address, path)))

    def wait_until_unready(self, node: Service) -> None:
        wait_for(lambda: self.status_of(node, "/readyz") == 503, "doubts of itself", WITHIN_S)

    def wait_until_ready(self, node: Service) -> None:
        wait_for(lambda: self.status_of(node, "/readyz") == 200, "readiness", WITHIN_S)

    def wait_until_balanced(self, node: Service) -> None:
        """Until HAProxy gives the node all kinds of requests."""
        name = f"node{self.nodes.index(node) + 1}"

        def is_up() -> bool:
            return all(self.haproxy.servers(each)[name]["status"] == "UP" for each in CHECKED)

        wait_for(is_up, f"{name} behind HAProxy", WITHIN_S)

    def balance(self, count: int) -> None:
        """Reloads HAProxy with that many nodes in its file."""
        haproxy, nodes = self.haproxy, self.nodes[:count]
        addresses = [f"{node.machine.address}:{PORT}" for node in nodes]
        config = substituted(haproxy.config.parent, haproxy.port, addresses, {})
        self.balancer.run(lambda: haproxy.reload(config))

    def migrate(self, root: Path) -> None:
        """By the machine of the worker, with the version of `root`."""
        one = replace(self.worker, command="migrate")
        one.begin(root=root)
        assert one.process.wait(WITHIN_S) == 0, one.log()

    def revive(self) -> None:
        """Starts what a failed test left dead, and balances what it left out."""
        if len(self.haproxy.servers("api")) < len(self.nodes):
            self.balance(len(self.nodes))
        for node in self.nodes:
            if node.process.poll() is not None:
                node.begin()
            self.wait_until_balanced(node)


async def _status(address: str, path: str) -> int:
    async with (
        aiohttp.ClientSession(f"http://{address}:{PORT}") as session,
        session.get(path) as response,
    ):
        return response.status


@contextmanager
def running_cluster(directory: Path, made_cluster: Path) -> Iterator[Cluster]:
    """Ends with all that it started."""
    with network() as net, ExitStack() as running:
        machines = (net.machine(DATABASES[0]), net.machine(DATABASES[1]))
        databases = running.enter_context(running_databases(directory, made_cluster, machines))
        furnish(databases.first.postgres.dsn)
        redis_machine = net.machine(REDIS)
        redis = redis_machine.run(lambda: _redis(directory))
        running.callback(redis.kill)
        settings = {
            "DATABASE_URL": databases.url,
            "REDIS_URL": redis.url,
            "STORAGE_PATH": str(directory / "storage"),
            **SETTINGS,
        }
        nodes = _nodes(directory, [net.machine(each) for each in NODES], settings)
        running.enter_context(_far(nodes[2], databases))
        for node in nodes:
            node.begin()
            running.callback(node.end)
        worker = _service(directory / "worker", net.machine(WORKER), settings, "worker")
        worker.begin()
        running.callback(worker.end)
        balancer = net.machine(BALANCER)
        upstreams = [f"{each}:{PORT}" for each in NODES]
        haproxy = balancer.run(
            lambda: running.enter_context(running_haproxy(directory / "haproxy", upstreams))
        )
        cluster = Cluster(
            *(nodes, worker, databases, redis, redis_machine, balancer, haproxy),
            directory / "storage",
        )
        cluster.primary = databases.first
        cluster.film = balancer.run(lambda: asyncio.run(_publish(haproxy.url, directory)))
        wait_for(lambda: databases.first.rows(JOBS) == [(0,)], "the end of all jobs", WITHIN_S)
        databases.first.rows("UPDATE videos SET duration_s = 36000")
        worker.end()
        worker.begin(prefix=PATIENT)
        yield cluster


SETTINGS = {
    "HOST": "0.0.0.0",
    "DATABASE_POOL_SIZE": "4",
    "MEDIA_WORKERS": "0",
    "STORAGE_RESERVE": "0",
    "TRUSTED_PROXIES": f"{BALANCER}/32",
    "SEEN_CLAIMS": "believed",
    "LOG_FORMAT": "json",
}


def _nodes(
    directory: Path, machines: Sequence[Machine], settings: dict[str, str]
) -> tuple[Service, ...]:
    return tuple(
        _service(directory / f"node{number}", machine, settings | {"WORKERS": workers})
        for number, machine, workers in zip((1, 2, 3), machines, ("1", "1", "2"), strict=True)
    )


def _service(
    directory: Path, machine: Machine, settings: dict[str, str], command: str = "serve"
) -> Service:
    data_dir, output = directory / "data", directory / "log"
    directory.mkdir()
    return Service(data_dir, output, PORT, settings=settings, machine=machine, command=command)


def _redis(directory: Path) -> RedisServer:
    server = RedisServer(directory, address=REDIS)
    server.start()
    return server


@contextmanager
def _far(node: Service, databases: Databases) -> Iterator[None]:
    """Puts a line that takes its time between a node and both databases."""
    relay = str(ROOT / "benchmarks" / "clients" / "relay.py")
    started = []
    for port, address in enumerate(DATABASES, 6001):
        target = f"{address}:5432"
        command = [*MORTAL, sys.executable, relay, str(port), target, str(FAR_MS), str(FAR_MS)]
        started.append(node.machine.run(partial(_talking, command)))
    node.settings = node.settings | {
        "DATABASE_URL": databases.url_at("127.0.0.1:6001,127.0.0.1:6002")
    }
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _talking(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"listens")
    return process


async def _publish(url: str, directory: Path) -> Film:
    path = write_large_mp4(directory, random.Random(1).randbytes(FILM_BYTES))
    token = mint_token(SECRET, "root", roles=("admin",))
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as admin:
        video = await ready_video_of(admin, path)
        told = await playback_at(admin, f"/api/v1/videos/{video['id']}/playback")
        async with admin.get(told["stream_url"]) as response:
            file = await response.read()
    return Film(video["id"], file, (directory / "camera.mp4").read_bytes())
