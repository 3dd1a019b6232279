"""Somebody who signs tokens with private keys and publishes the public ones."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import jwt
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

DAY_S = 86400

RSA_KEY = rsa.generate_private_key(65537, 2048)
P256_KEY = ec.generate_private_key(ec.SECP256R1())
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_P256_KEY = ec.generate_private_key(ec.SECP256R1())

ALGORITHMS = {
    rsa.RSAPrivateKey: ("RS256", RSAAlgorithm),
    ec.EllipticCurvePrivateKey: ("ES256", ECAlgorithm),
    ed25519.Ed25519PrivateKey: ("EdDSA", OKPAlgorithm),
}


def algorithm_of(key: Any) -> tuple[str, Any]:
    return next(found for kind, found in ALGORITHMS.items() if isinstance(key, kind))


def pem_of(key: Any) -> bytes:
    """The public half."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def jwk_of(key: Any, **members: Any) -> dict[str, Any]:
    """The public half; a member that is None is left out."""
    algorithm, codec = algorithm_of(key)
    jwk = {**codec.to_jwk(key.public_key(), as_dict=True), "alg": algorithm, **members}
    jwk.pop("key_ops") if "key_ops" not in members and "key_ops" in jwk else None
    return {name: value for name, value in jwk.items() if value is not None}


def claims(**other: Any) -> dict[str, Any]:
    """Claims of a good token."""
    return {"sub": "ada", "exp": int(time.time()) + DAY_S, **other}


def sign(key: Any, kid: str | None = None, **other: Any) -> str:
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(claims(**other), key, algorithm_of(key)[0], headers=headers)


class Issuer:
    """Publishes `keys`; counts who asks. `answer` may be replaced by a misbehaviour."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.asked = 0
        self.answer: Callable[[], Any] = self._publish
        self.release = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/jwks", self._serve)
        return app

    def hang(self) -> None:
        """Answers only once `release` is set."""
        self.release.clear()

        async def later() -> web.Response:
            await self.release.wait()
            return self._publish()

        self.answer = later

    def say(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.answer = lambda: web.Response(body=body, status=status, headers=headers)

    def behave(self) -> None:
        self.answer = self._publish

    def _publish(self) -> web.Response:
        body = msgspec.json.encode({"keys": self.keys})
        return web.Response(body=body, content_type="application/json")

    async def _serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        answer = self.answer()
        response: web.Response = await answer if asyncio.iscoroutine(answer) else answer
        return response
