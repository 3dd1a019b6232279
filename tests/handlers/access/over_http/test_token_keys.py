"""Tokens over HTTP: each kind of key, rotation, an unreachable issuer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from tests.harness.waiting import wait_until
from tests.programs.issuer import ED25519_KEY, P256_KEY, RSA_KEY, Issuer, jwk_of, pem_of, sign


@pytest.fixture
async def issuer() -> AsyncIterator[tuple[Issuer, TestServer]]:
    issuer = Issuer()
    server = TestServer(issuer.app())
    async with server:
        yield issuer, server
        issuer.release.set()


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


async def said(service: Any, token: str) -> str:
    answer = await service.ask(None, "GET", "courses", **bearer(token))
    return str(answer.said)


@pytest.mark.parametrize("key", [RSA_KEY, P256_KEY, ED25519_KEY], ids=["RSA", "P-256", "Ed25519"])
async def test_key_file_lets_its_tokens_in(start_service: Any, tmp_path: Path, key: Any) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem_of(key))
    service = await start_service(JWT_PUBLIC_KEY_FILE=str(file), JWT_ISSUER="us")

    assert await said(service, sign(key, iss="us")) == "200"
    assert await said(service, sign(key, iss="them")) == "401 invalid-token"


async def test_issuer_rotates_its_keys_under_way(
    start_service: Any, issuer: tuple[Issuer, TestServer]
) -> None:
    published, server = issuer
    published.keys = [jwk_of(RSA_KEY, kid="one")]
    service = await start_service(JWT_JWKS_URL=str(server.make_url("/jwks")))
    assert await said(service, sign(RSA_KEY, "one")) == "200"

    published.keys.append(jwk_of(ED25519_KEY, kid="two"))
    assert await said(service, sign(ED25519_KEY, "two")) == "200"
    assert await said(service, sign(RSA_KEY, "one")) == "200"
    assert await said(service, sign(ED25519_KEY, "one")) == "401 invalid-token"


async def test_issuer_that_hangs_keeps_nobody_waiting_whose_key_is_known(
    start_service: Any, issuer: tuple[Issuer, TestServer]
) -> None:
    published, server = issuer
    published.keys = [jwk_of(P256_KEY, kid="one")]
    service = await start_service(JWT_JWKS_URL=str(server.make_url("/jwks")))
    assert await said(service, sign(P256_KEY, "one")) == "200"
    published.hang()

    unknown = asyncio.create_task(said(service, sign(P256_KEY, "two")))
    await wait_until(lambda: published.asked >= 2)
    async with asyncio.timeout(2):
        for user_id in ("ada", "tess", "eve"):
            assert await said(service, sign(P256_KEY, "one", sub=user_id)) == "200"
    assert not unknown.done()
    published.release.set()

    assert await unknown == "401 invalid-token"


async def test_service_starts_and_waits_for_an_issuer_that_is_away(
    start_service: Any, unused_tcp_port: int
) -> None:
    service = await start_service(JWT_JWKS_URL=f"http://127.0.0.1:{unused_tcp_port}/jwks")

    answer = await service.ask(None, "GET", "courses", **bearer(sign(P256_KEY, "one")))

    assert answer.said == "503 unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert await said(service, "x.y.z") == "401 invalid-token"
    assert (await service.ask(None, "GET", "/healthz")).status == 200
