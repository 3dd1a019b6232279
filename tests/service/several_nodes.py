"""Several `serve` over one database and one storage."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.conftest import furnish, url_of
from tests.harness.running import free_port, start, wait_for
from tests.harness.serving import Serve


class Node(Serve):
    """A `serve` that shares database and storage with others."""

    def start_on(self, dsn: str, storage: Path, **settings: str) -> None:
        told_before = self.log().count("listens on")
        self.process = start(
            self.data_dir,
            self.output,
            self.port,
            "serve",
            **{
                "DATABASE_URL": url_of(dsn),
                "DATABASE_POOL_SIZE": "3",
                "STORAGE_PATH": str(storage),
                "MEDIA_WORKERS": "0",
                "STORAGE_RESERVE": "0",
                "WORKERS": "1",
                **settings,
            },
        )
        wait_for(lambda: self.log().count("listens on") > told_before, "the address", 60)

    def end(self) -> None:
        """Kills the process that it has then, which may be another than the first."""
        self.process.kill()
        self.process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def running_nodes(
    dsn: str, directory: Path, names: str, **settings: str
) -> Iterator[tuple[Node, ...]]:
    """A node for each letter, in a database with a course and a module; killed at the end."""
    furnish(dsn)
    made = tuple(
        Node(directory / name, directory / f"{name}.log", free_port(), settings=settings)
        for name in names
    )
    with ExitStack() as running:
        for node in made:
            node.start_on(dsn, directory / "storage", **settings)
            running.callback(node.end)
        yield made
