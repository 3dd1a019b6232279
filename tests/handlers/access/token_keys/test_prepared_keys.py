"""Keys that PyJWT prepares once: it signs and refuses as before."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handlers.access.token_keys.prepared_keys import remember_prepared_keys

SECRET, OTHER_SECRET = "one secret of thirty-two bytes or more", "another of thirty-two or more!!!!"
PRIVATE, OTHER = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
PEM, OTHER_PEM = (
    key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for key in (PRIVATE, OTHER)
)
CLAIMS = {"sub": "ada"}


@pytest.fixture(autouse=True)
def remembering() -> None:
    for _ in range(2):  # as with a second verifier
        remember_prepared_keys()


def prepared(key: str, algorithm: str) -> object:
    return jwt.get_algorithm_by_name(algorithm).prepare_key(key)


@pytest.mark.parametrize(("key", "algorithm"), [(SECRET, "HS256"), (PEM, "ES256")])
def test_a_text_is_prepared_once(key: str, algorithm: str) -> None:
    assert prepared(key, algorithm) is prepared(key, algorithm)


@pytest.mark.parametrize(
    ("signing", "key", "other", "algorithm"),
    [(SECRET, SECRET, OTHER_SECRET, "HS256"), (PRIVATE, PEM, OTHER_PEM, "ES256")],
    ids=["secret", "key pair"],
)
def test_each_key_verifies_its_own_tokens_alone(
    signing: object, key: str, other: str, algorithm: str
) -> None:
    token = jwt.encode(CLAIMS, signing, algorithm=algorithm)  # type: ignore[arg-type]

    for _ in range(2):
        assert jwt.decode(token, key, algorithms=[algorithm]) == CLAIMS
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, other, algorithms=[algorithm])


def test_a_public_key_is_refused_as_a_secret_every_time() -> None:
    for _ in range(2):
        with pytest.raises(jwt.InvalidKeyError):
            prepared(PEM, "HS256")
