"""Keys that verify tokens, and the algorithm of each."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from handlers.access.token_keys.signing_keys import (
    MAX_KEYS,
    MAX_KID_LENGTH,
    OnlyKey,
    SigningKey,
    UnusableKey,
    parse_key_set,
    parse_public_key,
    shared_secret,
)
from tests.programs.issuer import ED25519_KEY, P256_KEY, RSA_KEY, jwk_of, pem_of

P384_KEY = ec.generate_private_key(ec.SECP384R1())
SMALL_RSA_KEY = rsa.generate_private_key(65537, 1024)
PKCS1 = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
PRIVATE = P256_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC_P256 = {"kty": "EC", "crv": "P-256"}


def keys_of(*jwks: Any) -> dict[str | None, SigningKey]:
    return dict(parse_key_set(json.dumps({"keys": jwks}).encode()))


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        pytest.param(pem_of(RSA_KEY), "RS256", id="RSA"),
        pytest.param(PKCS1, "RS256", id="RSA in PKCS 1"),
        pytest.param(pem_of(P256_KEY), "ES256", id="P-256"),
        pytest.param(pem_of(ED25519_KEY), "EdDSA", id="Ed25519"),
        pytest.param(b"a comment\n" + pem_of(ED25519_KEY) + b"\n", "EdDSA", id="text around it"),
    ],
)
def test_algorithm_follows_from_the_kind_of_key(pem: bytes, algorithm: str) -> None:
    assert parse_public_key(pem).algorithm == algorithm


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"a secret of at least thirty-two bytes", id="no PEM"),
        pytest.param(PRIVATE, id="private key"),
        pytest.param(pem_of(P256_KEY)[:60], id="cut"),
        pytest.param(pem_of(P384_KEY), id="P-384"),
        pytest.param(pem_of(SMALL_RSA_KEY), id="1024 bits"),
        pytest.param(pem_of(ed448.Ed448PrivateKey.generate()), id="Ed448"),
        pytest.param(b"\xff\x00" * 100, id="binary"),
    ],
)
def test_other_files_are_refused_in_a_sentence(pem: bytes) -> None:
    with pytest.raises(UnusableKey, match="key"):
        parse_public_key(pem)


def test_key_is_the_same_from_a_file_and_from_a_set() -> None:
    for key in (RSA_KEY, P256_KEY, ED25519_KEY):
        assert keys_of(jwk_of(key, kid="a")) == {"a": parse_public_key(pem_of(key))}


def test_key_does_not_show_itself() -> None:
    assert "BEGIN" not in repr(parse_public_key(pem_of(P256_KEY)))


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(jwk_of(P256_KEY, alg=None), id="no alg"),
        pytest.param(jwk_of(P256_KEY, use="sig"), id="for signatures"),
        pytest.param(jwk_of(P256_KEY, key_ops=["verify"]), id="to verify"),
        pytest.param(jwk_of(P256_KEY, x5c=["MIIB"], x5u="https://x", ext=True), id="more members"),
    ],
)
def test_key_for_verifying_is_taken(jwk: dict[str, Any]) -> None:
    assert [key.algorithm for key in keys_of(jwk).values()] == ["ES256"]


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}, id="secret"),
        pytest.param(jwk_of(P256_KEY, use="enc"), id="for encryption"),
        pytest.param(jwk_of(P256_KEY, key_ops=["encrypt"]), id="to encrypt"),
        pytest.param(jwk_of(P256_KEY, key_ops="verify"), id="key_ops is no list"),
        pytest.param(jwk_of(RSA_KEY, alg="RS512"), id="another RSA algorithm"),
        pytest.param(jwk_of(RSA_KEY, alg="RSA-OAEP"), id="RSA for encryption"),
        pytest.param(jwk_of(RSA_KEY, alg="HS256"), id="RSA as a secret"),
        pytest.param(jwk_of(P256_KEY, alg="none"), id="alg none"),
        pytest.param(jwk_of(P256_KEY, alg=["ES256"]), id="alg is no text"),
        pytest.param(jwk_of(P256_KEY, d="AQAB"), id="private"),
        pytest.param(jwk_of(P384_KEY, alg="ES384"), id="P-384"),
        pytest.param(jwk_of(SMALL_RSA_KEY), id="1024 bits"),
        pytest.param({**PUBLIC_P256, "x": "AA", "y": "AA"}, id="not on the curve"),
        pytest.param({**PUBLIC_P256, "x": 1, "y": []}, id="coordinates are no text"),
        pytest.param({**PUBLIC_P256, "x": "ä!", "y": "%"}, id="coordinates are no base64"),
        pytest.param(PUBLIC_P256, id="no coordinates"),
        pytest.param({"kty": "RSA", "n": "", "e": ""}, id="empty numbers"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": "AAAA"}, id="X25519"),
        pytest.param({"kty": ["EC"]}, id="kty is no text"),
        pytest.param({}, id="nothing"),
        pytest.param(jwk_of(P256_KEY, kid=7), id="kid is no text"),
        pytest.param(jwk_of(P256_KEY, kid="k" * (MAX_KID_LENGTH + 1)), id="long kid"),
    ],
)
def test_key_that_is_not_for_us_is_left_out_and_no_other(jwk: dict[str, Any]) -> None:
    assert list(keys_of(jwk, jwk_of(ED25519_KEY, kid="good"))) == ["good"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"keys": null}',
        b'{"keys": ["key"]}',
        b"\xff\xfe",
        b'{"keys": [' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_set_is_refused(body: bytes) -> None:
    with pytest.raises(UnusableKey):
        parse_key_set(body)


def test_set_without_keys_is_one() -> None:
    assert keys_of() == {}


def test_first_of_two_keys_with_a_kid_holds() -> None:
    found = keys_of(jwk_of(P256_KEY, kid="a"), jwk_of(RSA_KEY, kid="a"))

    assert found["a"].algorithm == "ES256"


def test_set_is_bounded() -> None:
    many = [jwk_of(ED25519_KEY, kid=str(number)) for number in range(MAX_KEYS + 1)]

    assert len(keys_of(*many)) == MAX_KEYS


async def test_only_key_is_found_whatever_a_token_names() -> None:
    key = shared_secret("a secret of at least thirty-two bytes")
    keys = OnlyKey(key)

    assert key.algorithm == "HS256"
    assert keys.algorithms == {"HS256"}
    assert await keys.find(None) is await keys.find("x") is key
    assert keys.holds(shared_secret("a secret of at least thirty-two bytes"))
    assert not keys.holds(shared_secret("another secret of thirty-two bytes"))
