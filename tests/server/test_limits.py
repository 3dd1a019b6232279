import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from db.postgres.server_facts import RunningProcesses, ServerFacts, read_server_facts
from server.config.settings import Config, load_config
from server.limits import (
    LimitError,
    check_server,
    embedded_connections,
    fit_connections,
    warn_of_few_connections,
)
from server.worker import CONNECTIONS


@pytest.fixture
def config() -> Config:
    return load_config({}, Path("/nonexistent/.env"))


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [
        pytest.param(resource.RLIM_INFINITY, 10000, id="no limit"),
        pytest.param(11024, 10000, id="just enough"),
        pytest.param(11023, 9999, id="one too few"),
        pytest.param(4096, 3072, id="a few"),
        pytest.param(1024, 512, id="hardly any"),
    ],
)
def test_connections_fit_the_descriptors(
    config: Config, descriptors: int, connections: int
) -> None:
    assert fit_connections(config, descriptors).max_connections == connections


def test_lowering_is_said(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    fit_connections(config, 4096)
    assert "MAX_CONNECTIONS lowered from 10000 to 3072" in caplog.text


RAISE = """
import resource, sys
from pathlib import Path
from server.config.settings import load_config
from server.limits import with_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048))
config = with_descriptors(load_config({}, Path("/nonexistent/.env")))
print(config.max_connections, *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_limit_is_raised_to_its_hard_maximum_and_connections_fitted_to_that() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", RAISE], cwd=root, capture_output=True, text=True)
    assert done.stdout == "1024 2048 2048\n", done.stderr
    assert "MAX_CONNECTIONS lowered" in done.stderr


@pytest.mark.parametrize("workers", [1, 2, 20])
def test_an_embedded_server_is_given_room_for_all_processes(config: Config, workers: int) -> None:
    config = replace(config, workers=workers)
    reserved_for_superusers = 3
    check_server(config, ServerFacts(18, embedded_connections(config) - reserved_for_superusers))


def test_an_old_server_is_refused(config: Config) -> None:
    with pytest.raises(LimitError, match="15 or newer"):
        check_server(config, ServerFacts(14, 100))


def test_a_database_that_holds_not_every_text_is_refused(config: Config) -> None:
    with pytest.raises(LimitError, match="UTF8, this one has SQL_ASCII"):
        check_server(config, ServerFacts(15, 100, "SQL_ASCII"))


def test_more_connections_than_the_server_allows_are_refused(config: Config) -> None:
    needed = 10 + 3 + 2 * CONNECTIONS
    check_server(config, ServerFacts(15, needed))
    with pytest.raises(LimitError, match=f"up to {needed} database connections"):
        check_server(config, ServerFacts(15, needed - 1))
    check_server(replace(config, media_workers=0), ServerFacts(15, needed - 6))


@pytest.mark.parametrize("is_short", [False, True])
def test_too_few_connections_for_all_machines_are_warned_of(
    config: Config, caplog: pytest.LogCaptureFixture, *, is_short: bool
) -> None:
    needed = (10 + 3 + 6) + 4 * (10 + 3) + 2 * 6

    warn_of_few_connections(config, ServerFacts(15, needed - is_short), RunningProcesses(4, 2))

    assert ("(web processes: 4, media workers: 2)" in caplog.text) is is_short
    assert (f"set its max_connections to {needed + 13}" in caplog.text) is is_short


def test_the_embedded_server_holds_the_defaults(config: Config, dsn: str) -> None:
    facts = read_server_facts(dsn)
    assert facts.major_version >= 15
    assert facts.encoding == "UTF8"
    check_server(config, facts)
