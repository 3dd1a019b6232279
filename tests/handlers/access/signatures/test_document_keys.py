import json
from base64 import urlsafe_b64encode

import jwt
import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from db.document_keys import DocumentKey
from handlers.access.signatures.document_keys import (
    READ_INTERVAL_S,
    DocumentSigner,
    PublicKey,
    PublishedKeys,
)

# RFC 9864 prefers the name `Ed25519`, which few libraries know yet.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
SECRET = "a secret of thirty-two bytes or more"


class Note(msgspec.Struct):
    text: str


def test_all_processes_with_a_secret_sign_alike() -> None:
    one, other = DocumentSigner(SECRET), DocumentSigner(SECRET)

    assert (one.kid, one.public_x) == (other.kid, other.public_x)
    assert one.sign("note", Note("é")) == other.sign("note", Note("é"))
    assert DocumentSigner(SECRET + "!").kid != one.kid


def test_the_kid_is_the_thumbprint_that_other_libraries_find() -> None:
    signer = DocumentSigner(SECRET)
    key = OKPKey.import_key(msgspec.to_builtins(PublicKey(x=signer.public_x, kid=signer.kid)))

    assert key.thumbprint() == signer.kid


def test_a_signature_is_verified_by_another_library() -> None:
    signer = DocumentSigner(SECRET)
    key = OKPKey.import_key(msgspec.to_builtins(PublicKey(x=signer.public_x, kid=signer.kid)))
    signed = jws.deserialize_compact(
        signer.sign("note", Note("é")), key, algorithms=["EdDSA", "Ed25519"]
    )

    assert json.loads(signed.payload) == {"text": "é"}
    assert signed.headers() == {"alg": "EdDSA", "kid": signer.kid, "typ": "note"}


def unsigned(header: dict[str, str], payload: bytes) -> str:
    parts = (msgspec.json.encode(header), payload, b"")
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def with_payload(token: str, payload: bytes) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{urlsafe_b64encode(payload).rstrip(b'=').decode()}.{signature}"


SIGNER = DocumentSigner(SECRET)
TOKEN = SIGNER.sign("note", Note("text"))


def test_a_document_is_read_by_whoever_has_the_secret() -> None:
    assert DocumentSigner(SECRET).read("note", TOKEN, Note) == Note("text")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(DocumentSigner(SECRET + "!").sign("note", Note("text")), id="another key"),
        pytest.param(SIGNER.sign("receipt", Note("text")), id="another kind"),
        pytest.param(with_payload(TOKEN, b'{"text":"else"}'), id="another text"),
        pytest.param(TOKEN[:-8], id="cut"),
        pytest.param(unsigned({"alg": "none", "typ": "note"}, b'{"text":"text"}'), id="unsigned"),
        pytest.param(
            jwt.PyJWS().encode(b'{"text":"text"}', SECRET, "HS256", {"typ": "note"}), id="a secret"
        ),
        pytest.param(SIGNER.sign("note", PublicKey(x="x", kid="k")), id="other members"),
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="no JWS"),
        pytest.param("\ud800..", id="no text"),
    ],
)
def test_anything_else_is_not_read(token: str) -> None:
    assert SIGNER.read("note", token, Note) is None


async def test_published_keys_are_read_again_after_a_while(monkeypatch) -> None:
    stored, now_s = [DocumentKey("one", "x")], 1000.0

    async def list_all(_: object) -> list[DocumentKey]:
        return list(stored)

    monkeypatch.setattr("db.document_keys.list_all", list_all)
    published = PublishedKeys(None, DocumentSigner(SECRET), lambda: now_s)
    first = await published.all()
    stored.append(DocumentKey("two", "y"))
    again = await published.all()
    now_s += READ_INTERVAL_S
    later = await published.all()

    assert [key.kid for key in first.keys] == [key.kid for key in again.keys] == ["one"]
    assert [key.kid for key in later.keys] == ["one", "two"]
