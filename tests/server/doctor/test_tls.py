"""Certificates and protocols that browsers would meet."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from server.doctor.findings import Observation
from server.doctor.tls import examine_tls
from tests.programs.certificates import Certificate, make_certificate


@contextmanager
def answering(made: Certificate, protocols: list[str]) -> Iterator[str]:
    """A server that shakes hands with whoever comes, and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    context.set_alpn_protocols(protocols)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
                    tls.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def trusting(made: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(made.certificate))


@pytest.fixture
def months(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path, ends_in=datetime.timedelta(days=90, hours=1))


async def test_a_trusted_certificate_and_http2_are_in_order(months: Certificate) -> None:
    with answering(months, ["h2", "http/1.1"]) as url:
        found = await examine_tls(url, trusting(months))

    assert [(one.severity.value, one.sentence) for one in found] == [
        ("ok", "the certificate is trusted, for 90 days more"),
        ("ok", "HTTP/2 over TLSv1.3"),
    ]


async def test_a_certificate_near_its_end_and_http1_alone_are_remarked(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    with answering(made, ["http/1.1"]) as url:
        found = await examine_tls(url, trusting(made))

    assert [one.severity.value for one in found] == ["remark", "remark"]
    assert "ends in 1 days" in found[0].sentence
    assert found[1].code == "no-http2"


async def test_an_untrusted_certificate_is_a_fault(months: Certificate) -> None:
    with answering(months, ["h2"]) as url:
        found = await examine_tls(url, ssl.create_default_context())

    assert [one.code for one in found] == ["certificate"]
    assert "self-signed" in found[0].sentence


async def test_plain_http_has_no_findings() -> None:
    none: list[Observation] = []

    assert await examine_tls("http://localhost:1", ssl.create_default_context()) == none
