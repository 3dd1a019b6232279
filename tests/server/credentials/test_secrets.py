import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.config.settings import Config, load_config
from server.config.values import Secret
from server.credentials.secrets import (
    GRANT_SECRET_FILE,
    JWT_SECRET_FILE,
    SecretFileError,
    secrets_sha256,
    with_secrets,
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config({"COURSESTREAM_DATA_DIR": str(tmp_path / "data")}, tmp_path / "no")


def test_are_made_once_and_kept_for_the_owner_alone(config: Config) -> None:
    first, second = with_secrets(config), with_secrets(config)

    assert first == second
    assert first.jwt_secret != first.grant_secret
    for name in (JWT_SECRET_FILE, GRANT_SECRET_FILE):
        file = config.data_dir / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(file.read_text()) == 64
    assert len(list(config.data_dir.iterdir())) == 2


def test_processes_that_make_them_at_once_agree(config: Config) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: with_secrets(config), range(32)))

    assert len(set(made)) == 1


def test_a_set_secret_is_used_and_the_grants_secret_is_derived_from_it(config: Config) -> None:
    given = replace(config, jwt_secret=Secret("s" * 32))

    filled = with_secrets(given)

    assert filled.jwt_secret == given.jwt_secret
    assert filled.grant_secret == with_secrets(given).grant_secret
    assert filled.grant_secret != filled.jwt_secret
    assert len(filled.grant_secret.reveal()) == 64
    assert not config.data_dir.exists()


def test_derivation_stays_the_same_from_version_to_version(config: Config) -> None:
    derived = with_secrets(replace(config, jwt_secret=Secret("s" * 32))).grant_secret
    assert derived.reveal() == "e57f15101db4d51dd9c5db68b411b50775868e62f838488c6372e034a3f6ea0e"


def test_a_set_grant_secret_is_used(config: Config) -> None:
    given = replace(config, grant_secret=Secret("g" * 32))
    assert with_secrets(given).grant_secret == given.grant_secret


@pytest.mark.parametrize(
    "key", [{"jwt_public_key_file": Path("/key.pem")}, {"jwt_jwks_url": "https://h/jwks"}]
)
def test_a_public_key_needs_no_token_secret_and_the_grants_is_made(
    config: Config, key: dict[str, Any]
) -> None:
    given = replace(config, **key)

    filled = with_secrets(given)

    assert not filled.jwt_secret
    assert len(filled.grant_secret.reveal()) == 64
    assert filled == with_secrets(given)
    assert [file.name for file in config.data_dir.iterdir()] == [GRANT_SECRET_FILE]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o620, 0o602])
@pytest.mark.parametrize("name", [JWT_SECRET_FILE, GRANT_SECRET_FILE])
def test_a_file_that_others_can_read_is_refused(config: Config, name: str, mode: int) -> None:
    with_secrets(config)
    (config.data_dir / name).chmod(mode)
    with pytest.raises(SecretFileError, match=f"{name} can be read by others: `chmod 600 "):
        with_secrets(config)


def test_an_emptied_file_is_an_error_not_an_empty_key(config: Config) -> None:
    config.data_dir.mkdir()
    (config.data_dir / JWT_SECRET_FILE).write_text("\n")
    (config.data_dir / JWT_SECRET_FILE).chmod(0o600)
    with pytest.raises(SecretFileError, match="less than 32 bytes"):
        with_secrets(config)


def test_a_data_dir_that_cannot_be_made_is_reported(config: Config) -> None:
    config.data_dir.write_text("a file")
    with pytest.raises(SecretFileError, match=r"data is no directory$"):
        with_secrets(config)


def test_what_machines_must_share_is_in_the_fingerprint(config: Config, tmp_path: Path) -> None:
    key, other_key = tmp_path / "key", tmp_path / "other"
    key.write_text("a key of an edge with thirty-two bytes")
    other_key.write_text("another key of an edge, as long as it")
    plain = replace(config, jwt_secret=Secret("x" * 32), grant_secret=Secret("y" * 32))
    edge = replace(plain, cdn_signing="hmac", cdn_key_file=key, cdn_origin_secret=Secret("z" * 32))
    configs = [
        plain,
        replace(plain, jwt_secret=Secret("X" * 32)),
        replace(plain, grant_secret=Secret("Y" * 32)),
        edge,
        replace(edge, cdn_origin_secret=Secret("Z" * 32)),
        replace(edge, cdn_key_file=other_key),
        replace(edge, cdn_signing="bunny"),
    ]

    found = [secrets_sha256(each) for each in configs]

    assert len({*found}) == len(configs)
    key.write_text(key.read_text() + "\n")  # as an editor leaves it
    assert secrets_sha256(edge) == found[3]


def test_the_fingerprint_without_an_edge_stays_the_same_from_version_to_version(
    config: Config,
) -> None:
    plain = replace(config, jwt_secret=Secret("x" * 32), grant_secret=Secret("y" * 32))

    assert secrets_sha256(plain) == (
        "fcecd9ebe17c7aa1804462a07e4e71c3269c393d25a338246b770a064b627f9e"
    )
