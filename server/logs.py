"""Logging configuration: one format for structlog and the standard library, `console` or `json`.

A line includes what is bound in contextvars (the request id). Secrets, tokens and grants are
redacted in the finished line, whether they came from a message, a value or a traceback. Writes to
standard error, and blocks if that is not read.
"""

import logging
import re
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from structlog.types import EventDict, Processor, WrappedLogger

from server.config.values import Secret

HIDDEN = "***"
# Too noisy at `info`, and of no use to operators.
QUIET_LOGGERS = ("aiohttp", "asyncio", "procrastinate", "yoyo", "PIL", "libav", "gunicorn")
REVEALING = (
    (re.compile(r"(/play/)[^/\s\"'?#]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]*\.[\w-]*"), HIDDEN),  # any JWT: a header begins '{"'
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\bpassword=)('[^']*'|\S+)"), rf"\1{HIDDEN}"),
)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
MULTILINE_KEYS = frozenset({"exception", "stack"})


def configure_logging(
    level: str, log_format: str, secrets: Iterable[Secret] = (), stream: TextIO | None = None
) -> None:
    """Sends all log lines to `stream` (standard error); replaces the previous configuration."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(log_format, stream.isatty(), secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.server").addFilter(_is_server_fault)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _is_server_fault(record: logging.LogRecord) -> bool:
    """Filters tracebacks that aiohttp logs for malformed requests: the parser answers those, and
    anybody can send thousands of them."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


class Redactor:
    """Replaces known secrets, and anything that looks like a credential, in a text."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._known = [secret.reveal() for secret in secrets if secret]

    def redact(self, text: str) -> str:
        for known in self._known:
            text = text.replace(known, HIDDEN)
        for pattern, replacement in REVEALING:
            text = pattern.sub(replacement, text)
        return text


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, redactor: Redactor, processors: list[Processor]) -> None:
        super().__init__(foreign_pre_chain=_shared_processors(), processors=processors)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(super().format(record))


def _formatter(log_format: str, has_colors: bool, secrets: Iterable[Secret]) -> logging.Formatter:
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=has_colors, exception_formatter=plain)]
    return _RedactingFormatter(Redactor(secrets), last)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _escape_controls,
    ]


def _escape_controls(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Escapes control characters, so that a client cannot inject a log line."""
    for key, value in event.items():
        if isinstance(value, str) and key not in MULTILINE_KEYS:
            event[key] = CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", value)
    return event
