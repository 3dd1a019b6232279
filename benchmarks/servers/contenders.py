"""Everybody who is measured: variants of the product, and its peers."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.clients.load import Target, tls_missing
from benchmarks.peers import nginx, programs
from benchmarks.peers.programs import Program
from benchmarks.servers import encrypted, fronted, interpreters, product
from benchmarks.servers.processes import Cores
from benchmarks.servers.product import Seed

PRODUCT = "coursestream"
NO_SHORTCUT = "coursestream-no-shortcut"
BY_BEARER = "coursestream-bearer"
OTHER_PYTHON = "coursestream-other-python"
NGINX = "nginx"
PRODUCT_TLS = "coursestream-tls"
NGINX_TLS = "nginx-tls"
NGINX_AUTH = "nginx-auth"
FILE_RESPONSE = "file-response"


@dataclass(frozen=True, slots=True)
class Ground:
    """Inputs of a contender: the seed, the same videos as plain files, cores."""

    seed: Seed
    files: Path
    cores: Cores

    @property
    def paths(self) -> tuple[tuple[str, int], ...]:
        return tuple(
            (f"/{file.name}", file.stat().st_size) for file in sorted(self.files.iterdir())
        )


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    serve: Callable[[Ground, int], AbstractContextManager[Target]]
    """On that port, for as long as the context lasts."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot be measured here."""
    is_tls: bool = False


def variant(
    name: str,
    *,
    is_by_bearer: bool = False,
    checkout: Path = product.ROOT,
    python: Callable[[], str] = lambda: sys.executable,
    program: str = product.PROGRAM,
    missing: Callable[[], str | None] = lambda: None,
    **settings: str,
) -> Contender:
    def serve(ground: Ground, port: int) -> AbstractContextManager[Target]:
        data_dir = ground.files.with_name(name)
        return product.served(
            ground.seed,
            data_dir,
            port,
            ground.cores,
            settings,
            is_by_bearer=is_by_bearer,
            checkout=checkout,
            python=python(),
            program=program,
        )

    return Contender(name, serve, missing)


def behind_nginx(name: str, settings: Mapping[str, str]) -> Contender:
    def serve(ground: Ground, port: int) -> AbstractContextManager[Target]:
        data_dir = ground.files.with_name(name)
        return fronted.served(ground.seed, data_dir, port, ground.cores, settings)

    return Contender(name, serve, nginx.missing)


def nginx_peer(name: str, location: str) -> Contender:
    def serve(ground: Ground, port: int) -> AbstractContextManager[Target]:
        return nginx.served(ground.files, ground.paths, port, ground.cores.server, location)

    return Contender(name, serve, nginx.missing)


def product_by_tls(name: str) -> Contender:
    def serve(ground: Ground, port: int) -> AbstractContextManager[Target]:
        own = encrypted.certificate(ground.files.parent)
        plain = variant(name, TLS_CERT_FILE=str(own.chain), TLS_KEY_FILE=str(own.key))
        return encrypted.by_tls(plain.serve(ground, port))

    return Contender(name, serve, tls_missing, is_tls=True)


def nginx_by_tls(name: str) -> Contender:
    def serve(ground: Ground, port: int) -> AbstractContextManager[Target]:
        own = encrypted.certificate(ground.files.parent)
        core = ground.cores.server
        served = nginx.served(ground.files, ground.paths, port, core, nginx.ALONE, own)
        return encrypted.by_tls(served)

    return Contender(name, serve, lambda: nginx.missing() or tls_missing(), is_tls=True)


def peer(name: str, program: Program) -> Contender:
    def serve(ground: Ground, port: int) -> AbstractContextManager[Target]:
        return programs.served(ground.files, ground.paths, port, ground.cores.server, program)

    return Contender(name, serve, program.missing)


_ALL = (
    variant(PRODUCT),
    variant("coursestream-asyncio", EVENT_LOOP="asyncio"),
    variant(NO_SHORTCUT, STREAM_REPLAY="off"),
    variant(BY_BEARER, is_by_bearer=True),
    variant(OTHER_PYTHON, python=interpreters.other, missing=interpreters.missing),
    behind_nginx("coursestream-proxied", {}),
    behind_nginx("coursestream-accel", fronted.HANDING_OVER),
    nginx_peer(NGINX, nginx.ALONE),
    nginx_peer(NGINX_AUTH, nginx.WITH_AUTHORISATION),
    product_by_tls(PRODUCT_TLS),
    nginx_by_tls(NGINX_TLS),
    peer(FILE_RESPONSE, Program(programs.file_response)),
    peer("go", Program(programs.go, tool="go")),
    peer("uvicorn", Program(programs.uvicorn, ("starlette", "uvicorn", "httptools"))),
    peer("granian", Program(programs.granian, ("starlette", "granian"))),
)
CONTENDERS: Mapping[str, Contender] = MappingProxyType({one.name: one for one in _ALL})
