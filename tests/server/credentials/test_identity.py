"""From settings to the keys that count."""

import asyncio
from pathlib import Path

import pytest

from server.config.settings import Config, load_config
from server.credentials.identity import KeyFileError, check_key_file, token_verifier


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"nothing", "no public key in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no public key"),
    ],
)
def test_key_file_that_is_none_is_reported(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    config = load_config({"COURSESTREAM_JWT_PUBLIC_KEY_FILE": str(file)}, tmp_path / "no")

    with pytest.raises(KeyFileError, match=f"COURSESTREAM_JWT_PUBLIC_KEY_FILE: .*{told}"):
        check_key_file(config)


@pytest.fixture
def shared_secret_config(tmp_path: Path) -> Config:
    return load_config({"COURSESTREAM_JWT_SECRET": "s" * 32}, tmp_path / "no")


async def test_nobody_follows_an_issuer_that_is_not_set(shared_secret_config: Config) -> None:
    before = asyncio.all_tasks()

    async with token_verifier(shared_secret_config):
        assert asyncio.all_tasks() == before
