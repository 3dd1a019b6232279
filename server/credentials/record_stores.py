"""The learning record store as configured."""

import base64
import re
from pathlib import Path

from events.delivery.record_store import RecordStore, home_page_of
from server.config.settings import Config
from server.errors import OperatorError

KEY = "COURSESTREAM_XAPI_KEY_FILE"
MAX_KEY_FILE_BYTES = 64 * 1024


class RecordStoreKeyError(OperatorError):
    """The key of the learning record store cannot be used."""


def record_store(config: Config) -> RecordStore | None:
    """Returns None where none is set. Blocks briefly. Raises: RecordStoreKeyError."""
    if config.xapi_endpoint is None or config.xapi_key_file is None:
        return None
    return RecordStore(
        config.xapi_endpoint,
        _authorization(config.xapi_key_file),
        home_page_of(config.jwt_issuer, config.xapi_endpoint),
    )


def _authorization(path: Path) -> str:
    """Returns Basic for `key:secret`, which no token looks like, else Bearer."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_KEY_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as exc:
        raise RecordStoreKeyError(f"{KEY}: {path}: {exc.strerror}") from exc
    if not re.fullmatch(r"[!-~]+", text):
        raise RecordStoreKeyError(f"{KEY}: {path} must hold one line of ASCII without blanks")
    if ":" in text:
        return f"Basic {base64.b64encode(text.encode()).decode()}"
    return f"Bearer {text}"
