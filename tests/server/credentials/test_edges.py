"""Keys of signed addresses, as operators give them."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from handlers.access.edge_addresses import MediaAddresses
from handlers.access.signatures.cdn_signatures import HmacLink
from server.config.settings import load_config
from server.credentials.edges import EdgeKeyError, media_addresses

LONG = "k" * 32
VIDEO = UUID(int=7)
FAR = 4e9


def addresses(signing: str, key_file: Path | None) -> MediaAddresses:
    config = load_config({}, Path("/nonexistent/.env"))
    url = "https://cdn.example"
    return media_addresses(replace(config, cdn_url=url, cdn_signing=signing, cdn_key_file=key_file))


def fault(signing: str, key_file: Path) -> str:
    with pytest.raises(EdgeKeyError) as caught:
        addresses(signing, key_file)
    assert str(caught.value).startswith(f"COURSESTREAM_CDN_KEY_FILE: {key_file}")
    return str(caught.value)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_without_an_edge_media_are_here() -> None:
    config = load_config({}, Path("/nonexistent/.env"))

    place = media_addresses(config).at_edge(VIDEO, "grant", FAR)

    assert (place.base, place.expires_at) == (f"/play/grant/{VIDEO}/", FAR)


def test_by_grant_nothing_is_signed() -> None:
    place = addresses("grant", None).at_edge(VIDEO, "grant", FAR)

    assert place.base == f"https://cdn.example/play/grant/{VIDEO}/"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_line_break_is_no_part_of_a_key(tmp_path: Path, ending: str) -> None:
    key_file = written(tmp_path / "key", (LONG + ending).encode())

    assert addresses("hmac", key_file)._signing == HmacLink(LONG)


@pytest.mark.parametrize(
    "content", [b"", b"short", b"two\nlines of more than thirty-two bytes", b"\xff" * 40]
)
@pytest.mark.parametrize("signing", ["secure-link", "hmac", "bunny"])
def test_a_key_that_is_no_key_is_refused(tmp_path: Path, signing: str, content: bytes) -> None:
    assert "32 bytes or more" in fault(signing, written(tmp_path / "key", content))


def test_a_key_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert fault("hmac", tmp_path / "none").endswith("No such file or directory")


@pytest.mark.parametrize("name", ["K2JCJMDEHXQW5F.pem", "pk-K2JCJMDEHXQW5F.pem"])
def test_cloudfront_s_key_is_named_after_its_id(
    tmp_path: Path, rsa_key: rsa.RSAPrivateKey, name: str
) -> None:
    place = addresses("cloudfront", written(tmp_path / name, pem(rsa_key))).at_edge(VIDEO, "", FAR)

    assert place.cookies["CloudFront-Key-Pair-Id"] == "K2JCJMDEHXQW5F"
    assert place.base == f"https://cdn.example/media/{VIDEO}/"


def test_a_key_of_cloudfront_that_cannot_sign_is_refused(
    tmp_path: Path, rsa_key: rsa.RSAPrivateKey
) -> None:
    locked = pem(rsa_key, BestAvailableEncryption(b"hunter2"))
    curve = pem(ec.generate_private_key(ec.SECP256R1()))

    assert "named after the id" in fault("cloudfront", written(tmp_path / "k.pem", pem(rsa_key)))
    assert "without a passphrase" in fault(
        "cloudfront", written(tmp_path / "LOCKEDKEY01.pem", locked)
    )
    assert "no private key" in fault("cloudfront", written(tmp_path / "TEXTTEXT01.pem", b"text"))
    assert "no RSA key" in fault("cloudfront", written(tmp_path / "CURVEKEY01.pem", curve))
