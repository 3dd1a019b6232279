import io
import json
import logging
from collections.abc import Callable, Iterator

import jwt
import pytest
import structlog
from aiohttp.http_exceptions import LineTooLong

from server.config.values import Secret
from server.logs import Redactor, configure_logging

SECRET = Secret("correct horse battery staple 123")
TOKEN = jwt.encode({"sub": "ann"}, "k" * 32, algorithm="HS256")


@pytest.fixture
def lines() -> Iterator[Callable[..., list[str]]]:
    """Configures logging into memory; gives what was written so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def written(log_format: str | None = None, log_level: str = "info") -> list[str]:
        if log_format:
            configure_logging(log_level, log_format, [SECRET], stream)
        return stream.getvalue().splitlines()

    yield written
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_both_kinds_of_loggers_write_the_same_form(lines: Callable[..., list[str]]) -> None:
    lines("json")
    logging.getLogger("coursestream.a").info("from %s", "logging")
    structlog.stdlib.get_logger("coursestream.b").info("from structlog", answer=42)

    first, second = (json.loads(line) for line in lines())
    assert first["event"] == "from logging"
    assert second["answer"] == 42
    assert first.keys() == second.keys() - {"answer"}


def test_the_request_id_is_on_every_line(lines: Callable[..., list[str]]) -> None:
    lines("json")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("coursestream").info("hello")
    assert json.loads(lines()[0])["request_id"] == "r1"


def test_lines_below_the_level_are_not_written(lines: Callable[..., list[str]]) -> None:
    lines("console", "warning")
    logging.getLogger("coursestream").info("quiet")
    structlog.stdlib.get_logger("coursestream").info("quiet")
    assert lines() == []


def test_libraries_are_quiet_at_info(lines: Callable[..., list[str]]) -> None:
    lines("console")
    logging.getLogger("procrastinate.worker").info("chatter")
    assert lines() == []


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_secrets_are_not_written(lines: Callable[..., list[str]], log_format: str) -> None:
    lines(log_format)
    try:
        raise ValueError(f"{SECRET.reveal()} in a traceback")
    except ValueError:
        logging.getLogger("coursestream").exception("failed with %s", SECRET.reveal())
        structlog.stdlib.get_logger("coursestream").exception("failed", key=SECRET.reveal())

    text = "\n".join(lines())
    assert "Traceback" in text
    assert SECRET.reveal() not in text


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_line_break_in_a_value_begins_no_line(
    lines: Callable[..., list[str]], log_format: str
) -> None:
    lines(log_format)
    forged = "/x\n2026-01-01 [error] forged\x1b[2J\r\u2028"
    structlog.stdlib.get_logger("coursestream").info("request", path=forged)
    logging.getLogger("coursestream").info("got %s", forged)
    assert len(lines()) == 2
    assert "\x1b" not in "".join(lines())


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param(f"GET /play/{TOKEN}/stream", "GET /play/***/stream", id="grant"),
        pytest.param("GET /play/opaque?x=1", "GET /play/***?x=1", id="opaque grant"),
        pytest.param(f"bad token {TOKEN}!", "bad token ***!", id="bearer"),
        pytest.param(f"#token={TOKEN}", "#token=***", id="fragment"),
        pytest.param("at postgresql://u:p%40w@h/d", "at postgresql://u:***@h/d", id="url"),
        pytest.param("redis://:pw@h", "redis://:***@h", id="url without user"),
        pytest.param("host=h password='a b' x=1", "host=h password=*** x=1", id="dsn"),
        pytest.param("http://h:8080/a@b", "http://h:8080/a@b", id="a port is no password"),
        pytest.param("nothing to see", "nothing to see", id="plain"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str, redacted: str) -> None:
    assert Redactor([]).redact(text) == redacted


def test_bytes_that_are_no_http_leave_no_traceback(lines: Callable[..., list[str]]) -> None:
    lines("console")
    aiohttps = logging.getLogger("aiohttp.server")
    aiohttps.error("Error handling request", exc_info=LineTooLong(b"a", 8190))
    aiohttps.error("Error handling request", exc_info=RuntimeError("ours"))

    (first, *_) = lines()
    assert "Error handling request" in first
    assert "ours" in "".join(lines())
    assert "LineTooLong" not in "".join(lines())
