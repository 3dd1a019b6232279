"""deploy/nginx.conf in the nginx of Debian, in front of a running service."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deploy.conftest import Upstream
from tests.deploy.proxies.configured.debian_nginx import running_sites
from tests.deploy.proxies.proxied import Proxy
from tests.harness.running import ROOT, free_port

DEPLOYED = (ROOT / "deploy" / "nginx.conf").read_text()
STORAGE = "/var/lib/coursestream/storage/"


@contextmanager
def running_nginx(
    upstream: Upstream, directory: Path, tls_port: int, storage: Path | None = None
) -> Iterator[Proxy]:
    """`storage` is the service's, where nginx sends its files."""
    plain, port, gone_plain, gone_port, gone_tls = (free_port() for _ in range(5))
    write_certificate(directory)
    (directory / "conf.d").mkdir()
    here = substituted(directory, plain, port, tls_port, upstream.port)
    if storage is not None:
        assert STORAGE in here
        here = here.replace(STORAGE, f"{storage}/")
    (directory / "conf.d" / "coursestream.conf").write_text(here)
    gone = substituted(directory, gone_plain, gone_port, gone_tls, free_port())
    gone = beside(gone, "gone")
    (directory / "conf.d" / "gone.conf").write_text(gone)
    with running_sites(directory):
        logs = [directory / name for name in _log_names(directory)]
        yield Proxy(f"http://127.0.0.1:{port}", logs, upstream, f"http://127.0.0.1:{gone_port}")


def _log_names(directory: Path) -> list[str]:
    return [
        *("coursestream.log", "coursestream-error.log"),
        *("main-access.log", "main-error.log", "start.log"),
    ]


def beside(site: str, name: str) -> str:
    """A further site of the same nginx: the names that stand for the whole of it are its own."""
    return re.sub(r"\bcoursestream(_path|_rest|_viewers)?\b(?!-error|\.log)", rf"{name}\1", site)


def substituted(directory: Path, plain: int, port: int, tls: int, upstream_port: int) -> str:
    """Other ports and paths, one port without TLS, a shorter wait for events; all else as it is."""
    text = DEPLOYED
    for old, new in (
        ("127.0.0.1:8080", f"127.0.0.1:{upstream_port}"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        (
            "listen 443 ssl http2 sndbuf=256k;",
            f"listen 127.0.0.1:{port} sndbuf=256k; listen 127.0.0.1:{tls} ssl http2;",
        ),
        ("/var/log/nginx/", f"{directory}/"),
        ("/etc/letsencrypt/live/courses.example.org/", f"{directory}/"),
        ("proxy_read_timeout 60s;", "proxy_read_timeout 2s;"),
    ):
        assert old in text
        text = text.replace(old, new)
    return re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)


def write_certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "courses.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (directory / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
