"""Fields by which a node learns who asks, and for what address, through each balancer."""

import socket
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from tests.deploy.proxies.configured.balancers import BALANCERS, Balancer

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
TIMEOUT_S = 30.0


def node(listener: socket.socket, heads: list[str]) -> None:
    """Answers every request, health checks too, and keeps the heads of those for films."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(TIMEOUT_S)
            head = connection.recv(2**16).decode()
            connection.sendall(ANSWER)
            if "/stream" in head:
                heads.append(head)


@pytest.mark.parametrize("balancer", BALANCERS)
def test_a_node_learns_of_the_viewer(balancer: Balancer, tmp_path: Path) -> None:
    heads: list[str] = []
    path = "/api/v1/videos/00000000-0000-4000-8000-000000000007/stream"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = Thread(target=node, args=(listener, heads))
        serving.start()
        with balancer(tmp_path, [listener.getsockname()[1]] * 3) as url:
            asked = urllib.request.Request(
                url + path, headers={"Host": "films.example.org", "X-Forwarded-For": "192.0.2.1"}
            )
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as response:
                assert response.status == 200
        listener.shutdown(socket.SHUT_RDWR)
        serving.join(TIMEOUT_S)

    [request, *lines] = heads[0].strip().splitlines()
    fields = [line.lower() for line in lines]
    assert request == f"GET {path} HTTP/1.1"
    assert "host: films.example.org" in fields
    assert "x-forwarded-host: films.example.org" in fields
    # What the viewer claims comes first: the service believes the last, which is the balancer's.
    forwarded = [line.partition(": ")[2] for line in fields if line.startswith("x-forwarded-for:")]
    assert ", ".join(forwarded) == "192.0.2.1, 127.0.0.1"
    assert "connection: close" not in fields
