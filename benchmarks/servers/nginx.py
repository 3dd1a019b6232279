"""nginx as the benchmarks run it: one worker on one core, without a log, in a directory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.servers.processes import children, pinned, running, wait_for_port, wait_until

PROGRAM = "nginx"
# Paths are below the directory that `-p` names.
CONFIGURATION = """
{modules}
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
error_log nginx.log error;
events {{ worker_connections 32768; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {http}
}}
"""


@contextlib.contextmanager
def nginx(
    directory: Path, http: str, port: int, core: int, *, modules: str = ""
) -> Iterator[tuple[int, ...]]:
    """The worker, once it listens on the port that `http` names. Raises: CannotStart."""
    directory.mkdir()
    configuration, log = directory / "nginx.conf", directory / "output"
    configuration.write_text(CONFIGURATION.format(http=http, modules=modules))
    command = pinned(core, [PROGRAM, "-p", directory, "-c", configuration])
    with running(command, log) as process:
        wait_for_port(process, port, log)
        wait_until(lambda: children(process.pid), process, log)
        yield tuple(children(process.pid))
