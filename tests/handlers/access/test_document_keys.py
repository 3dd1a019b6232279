import json

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from db.document_keys import DocumentKey
from handlers.access.document_keys import READ_INTERVAL_S, DocumentSigner, PublicKey, PublishedKeys

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
