from dataclasses import replace
from pathlib import Path

import pytest

from server.config.settings import Config, load_config
from server.credentials.record_stores import RecordStoreKeyError, record_store


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = load_config({}, Path("/nonexistent/.env"))
    return replace(config, xapi_endpoint="https://lrs/xAPI", xapi_key_file=tmp_path / "key")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("lrs:secret\n", "Basic bHJzOnNlY3JldA==", id="key and secret"),
        pytest.param("a.b-c_d", "Bearer a.b-c_d", id="a token"),
    ],
)
def test_the_key_is_read(config: Config, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "key").write_text(text)

    store = record_store(config)

    assert store is not None
    assert store.authorization == expected
    assert store.statements_url == "https://lrs/xAPI/statements"
    assert expected not in repr(store)


@pytest.mark.parametrize("text", [None, "", "two\nlines", "a secret"])
def test_what_is_no_key_is_refused(config: Config, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "key").write_text(text)

    with pytest.raises(RecordStoreKeyError, match="XAPI_KEY_FILE"):
        record_store(config)


def test_without_an_endpoint_there_is_no_store() -> None:
    assert record_store(load_config({}, Path("/nonexistent/.env"))) is None
