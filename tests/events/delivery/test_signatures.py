from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from events.delivery.signatures import is_secret, new_secret, sign


def test_the_signature_is_the_one_of_the_specifications_package() -> None:
    secret, now = new_secret(), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    expected = Verifier(secret).sign("evt_1", now, '{"a":1}')

    assert sign(secret, "evt_1", int(now.timestamp()), b'{"a":1}') == expected


def test_new_secrets_are_secrets_and_differ() -> None:
    assert is_secret(new_secret())
    assert new_secret() != new_secret()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("whsec_" + "A" * 32, True, id="24 bytes"),
        pytest.param("A" * 32, True, id="without the prefix"),
        pytest.param("whsec_" + "A" * 28, False, id="21 bytes"),
        pytest.param("whsec_" + "A" * 84 + "AA==", True, id="64 bytes"),
        pytest.param("whsec_" + "A" * 88, False, id="66 bytes"),
        pytest.param("whsec_not base64 at all, or is it", False, id="no base64"),
        pytest.param("whsec_" + "é" * 32, False, id="no ASCII"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_secrets_are_base64_of_24_to_64_bytes(text: str, expected: bool) -> None:
    assert is_secret(text) is expected
