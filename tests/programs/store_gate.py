"""A gate before an object store: requests pass, are refused, or get the beginning of an answer.

What goes wrong between a real client and a real store, at the requests that a test chooses.
"""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TIMEOUT_S = 30.0
CHUNK_BYTES = 64 * 1024
NEVER = 2**63


@dataclass(frozen=True)
class Request:
    """`number` counts those of the same method, path and range, from 0."""

    method: str
    path: str
    range: str | None
    number: int = 0


@dataclass(frozen=True)
class Refusal:
    """An error of S3's."""

    status: int
    code: str


@dataclass(frozen=True)
class Cut:
    """The connection ends so far into the body, once `after` is set; without a head when None."""

    position: int | None
    after: threading.Event | None = None


Rule = Callable[[Request], Refusal | Cut | None]


def open_to_all(request: Request) -> None:
    """The rule of a gate that is not there."""


@dataclass
class Gate:
    """`seen` are all requests; `reached` is set when an answer has come to where it is cut."""

    url: str = ""
    rule: Rule = open_to_all
    seen: list[Request] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)

    def ranges(self, method: str = "GET") -> list[str | None]:
        return [request.range for request in self.seen if request.method == method]


@contextmanager
def gate_before(endpoint_url: str) -> Iterator[Gate]:
    gate = Gate()
    upstream = urlsplit(endpoint_url).netloc
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT_S

        def do_GET(self) -> None:
            with lock:
                asked = Request(self.command, self.path, self.headers.get("Range"))
                same = (asked.method, asked.path, asked.range)
                number = sum((one.method, one.path, one.range) == same for one in gate.seen)
                asked = Request(*same, number)
                gate.seen.append(asked)
            fault = gate.rule(asked)
            if isinstance(fault, Refusal):
                self._refuse(fault)
                return
            if fault is None or fault.position is not None:
                self._pass_on(NEVER if fault is None else fault.position or 0)
            if fault is not None:
                self._cut(fault.after)

        do_HEAD = do_GET  # noqa: N815

        def _refuse(self, refusal: Refusal) -> None:
            body = f"<Error><Code>{refusal.code}</Code><Message>no</Message></Error>".encode()
            self.send_response(refusal.status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def _pass_on(self, left: int) -> None:
            with closing(http.client.HTTPConnection(upstream, timeout=TIMEOUT_S)) as connection:
                connection.request(self.command, self.path, headers=dict(self.headers))
                answer = connection.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                while left and (chunk := answer.read(min(left, CHUNK_BYTES))):
                    self.wfile.write(chunk)
                    left -= len(chunk)

        def _cut(self, after: threading.Event | None) -> None:
            gate.reached.set()
            if after is not None:
                after.wait(TIMEOUT_S)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client has left
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        gate.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield gate
        finally:
            server.shutdown()
            thread.join(TIMEOUT_S)
