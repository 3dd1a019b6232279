import asyncio
import logging
import os
import time

import psycopg2
import pytest
from blockbuster import BlockingError

from storage import paths  # any module of ours: blocking is looked for in our code only

BLOCKING = compile("def block():\n    import time\n    time.sleep(0)\n", paths.__file__, "exec")


async def test_our_code_may_not_block_the_loop() -> None:
    namespace: dict[str, object] = {}
    exec(BLOCKING, namespace)
    block = namespace["block"]
    assert callable(block)
    with pytest.raises(BlockingError):
        block()
    await asyncio.to_thread(block)


async def test_a_log_line_may_be_written_from_the_loop(capfd: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    namespace: dict[str, object] = {"handler": handler}
    log = "def log():\n    handler.emit(__import__('logging').makeLogRecord({'msg': 'said'}))\n"
    exec(compile(log, paths.__file__, "exec"), namespace)
    assert callable(namespace["log"])
    namespace["log"]()
    assert capfd.readouterr().err == "said\n"


def test_no_setting_reaches_a_test() -> None:
    assert not [name for name in os.environ if name.startswith("COURSESTREAM_")]


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(dsn: str, turn: int) -> None:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine ()")
    connection.close()


def test_a_copy_of_the_database_is_quick(cluster: object, request: pytest.FixtureRequest) -> None:
    started_s = time.monotonic()
    request.getfixturevalue("dsn")
    assert time.monotonic() - started_s < 1.0  # 0.02 s; generous, for machines under load
