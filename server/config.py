"""Every setting: its variable, default, and what it may be; all faults are told at once.

Read from an environ mapping and a `.env` file (the environment wins), never from the process by
itself. A variable whose feature does not exist yet is known, and refused at any value but its
default. Secrets never show in a repr or a fault. Reads no other file and makes no directory.
"""

# ruff: noqa: RUF009 (`setting` makes a dataclass field)

import difflib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from handlers.access.grants import LONGEST_TTL_S
from server import config_values as values
from server.config_values import Rate, Rule, Secret

PREFIX = "COURSESTREAM_"

# Known from the first day, built later: refused, never ignored.
NOT_BUILT = frozenset(
    {
        "CDN_URL",
        "REDIS_URL",
        "RENDITIONS",
    }
)


class ConfigError(Exception):
    """The settings have faults; `faults` holds one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def setting(variable: str, default: str | None, rule: Rule) -> Any:
    """A field of Config: its variable without the prefix, its default as text, its rule."""
    return field(metadata={"variable": variable, "default": default, "rule": rule})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one server. Field names carry the unit; variables do not."""

    # Where it listens
    host: str = setting("HOST", "127.0.0.1", values.text())
    port: int = setting("PORT", "8080", values.integer(0, 65535))
    workers: int = setting("WORKERS", "1", values.integer(1, 256))
    media_workers: int = setting("MEDIA_WORKERS", "1", values.integer(0, 64))
    event_loop: str = setting("EVENT_LOOP", "uvloop", values.choice("uvloop", "asyncio"))
    tls_cert_file: Path | None = setting("TLS_CERT_FILE", None, values.path())
    tls_key_file: Path | None = setting("TLS_KEY_FILE", None, values.path())
    max_connections: int = setting("MAX_CONNECTIONS", "10000", values.integer(1, 10**6))

    # What it keeps, and where
    data_dir: Path = setting("DATA_DIR", "./data", values.path())
    storage_path: Path = setting("STORAGE_PATH", "{DATA_DIR}/storage", values.path())
    storage_quota_bytes: int | None = setting("STORAGE_QUOTA", None, values.size())
    storage_reserve_bytes: int = setting("STORAGE_RESERVE", "1GiB", values.size(low=0))
    database_url: Secret | None = setting("DATABASE_URL", None, values.database_url())
    database_pool_size: int = setting("DATABASE_POOL_SIZE", "10", values.integer(1, 1000))
    redis_url: Secret | None = setting(
        "REDIS_URL", None, values.secret_url("redis", "rediss", "unix")
    )

    # Who is who
    # Empty when not set: `server.secrets.with_secrets` fills both.
    jwt_secret: Secret = setting("JWT_SECRET", "", values.token_secret())
    jwt_public_key_file: Path | None = setting("JWT_PUBLIC_KEY_FILE", None, values.path())
    jwt_jwks_url: str | None = setting("JWT_JWKS_URL", None, values.url("https", "http"))
    jwt_issuer: str | None = setting("JWT_ISSUER", None, values.text())
    jwt_audience: str | None = setting("JWT_AUDIENCE", None, values.text())
    jwt_leeway_s: int = setting("JWT_LEEWAY", "30s", values.duration(0, 3600))
    grant_secret: Secret = setting("GRANT_SECRET", "", values.secret())
    grant_ttl_s: int = setting("GRANT_TTL", "6h", values.duration(1, LONGEST_TTL_S))

    # What may be uploaded, and what becomes of it
    allowed_formats: tuple[str, ...] = setting(
        "ALLOWED_FORMATS", "mp4,webm", values.several("mp4", "webm")
    )
    max_upload_size_bytes: int = setting("MAX_UPLOAD_SIZE", "10GiB", values.size())
    max_pixels: int = setting("MAX_PIXELS", "50000000", values.integer(1, 10**9))
    max_duration_s: int = setting("MAX_DURATION", "24h", values.duration())
    max_streams: int = setting("MAX_STREAMS", "16", values.integer(1, 1000))
    trash_retention_s: int = setting("TRASH_RETENTION", "24h", values.duration(0))
    upload_expiry_s: int = setting("UPLOAD_EXPIRY", "24h", values.duration())
    thumbnail_sizes: tuple[tuple[str, int], ...] = setting(
        "THUMBNAIL_SIZES", "small:160,medium:320,large:640", values.picture_sizes()
    )
    thumbnail_quality: int = setting("THUMBNAIL_QUALITY", "82", values.integer(1, 100))
    renditions: tuple[int, ...] = setting("RENDITIONS", "none", values.heights())
    alternate_format: bool = setting("ALTERNATE_FORMAT", "off", values.switch())

    # How bytes leave
    stream_replay: bool = setting("STREAM_REPLAY", "on", values.switch())
    stream_window_bytes: int = setting("STREAM_WINDOW", "2MiB", values.size(low=4096))
    stream_stall_timeout_s: int = setting("STREAM_STALL_TIMEOUT", "120s", values.duration(1, 86400))
    stream_rate_limit: Rate = setting("STREAM_RATE_LIMIT", "50/second", values.rate())
    streams_per_user: int = setting("STREAMS_PER_USER", "8", values.integer(1, 10000))
    stream_bandwidth_limit_bytes: int | None = setting(
        "STREAM_BANDWIDTH_LIMIT", None, values.size(low=1024)
    )
    cors_origins: tuple[str, ...] | None = setting("CORS_ORIGINS", None, values.origins())
    trusted_proxies: tuple[str, ...] | None = setting("TRUSTED_PROXIES", None, values.networks())
    cdn_url: str | None = setting("CDN_URL", None, values.url("https", "http"))

    # Events and progress
    sse_heartbeat_s: int = setting("SSE_HEARTBEAT", "15s", values.duration(1, 300))
    sse_backlog: int = setting("SSE_BACKLOG", "256", values.integer(1, 10**5))
    sse_per_user: int = setting("SSE_PER_USER", "16", values.integer(1, 10**5))
    sse_total: int = setting("SSE_TOTAL", "20000", values.integer(1, 10**6))
    session_retention_s: int = setting("SESSION_RETENTION", "90d", values.duration())
    event_retention_s: int = setting("EVENT_RETENTION", "7d", values.duration())
    completion_ratio: float = setting("COMPLETION_RATIO", "0.9", values.ratio())
    report_interval_s: int = setting("REPORT_INTERVAL", "5s", values.duration(1, 300))

    # What operators see
    metrics_port: int | None = setting("METRICS_PORT", None, values.integer(1, 65535))
    log_level: str = setting(
        "LOG_LEVEL", "info", values.choice("debug", "info", "warning", "error")
    )
    log_format: str = setting("LOG_FORMAT", "console", values.choice("console", "json"))

    @property
    def has_embedded_database(self) -> bool:
        return self.database_url is None

    @property
    def has_shared_secret(self) -> bool:
        """Whether tokens are signed with a secret that is known here, not with an issuer's key."""
        return self.jwt_public_key_file is None and self.jwt_jwks_url is None


SETTINGS: Mapping[str, Field[Any]] = {item.metadata["variable"]: item for item in fields(Config)}


def load_config(environ: Mapping[str, str], env_file: Path) -> Config:
    """Settings of the file, then of the environment over them. Raises: ConfigError."""
    given = _prefixed(_read_env_file(env_file)) | _prefixed(environ)
    faults = [_unknown(name) for name in sorted(given.keys() - SETTINGS.keys())]
    found: dict[str, Any] = {}
    for variable, item in SETTINGS.items():
        try:
            found[item.name] = _value(variable, given.get(variable), found)
        except ValueError as exc:
            faults.append(str(exc))
    faults += _half_given(given, "TLS_CERT_FILE", "TLS_KEY_FILE")
    faults += _contradictions(found)
    if faults:
        raise ConfigError(faults)
    return Config(**found)


def _read_env_file(env_file: Path) -> dict[str, str]:
    try:
        text = env_file.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError([f"{env_file} cannot be read: {exc}"]) from exc
    read = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value or "" for name, value in read.items()}


def _prefixed(source: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX): value
        for name, value in source.items()
        if name.startswith(PREFIX)
    }


def _half_given(given: Mapping[str, str], *pair: str) -> list[str]:
    """Of two that need each other, one alone is a fault."""
    missing = [variable for variable in pair if not given.get(variable)]
    if len(missing) != 1:
        return []
    other = next(variable for variable in pair if variable not in missing)
    return [f"{PREFIX}{missing[0]}: found nothing, but {PREFIX}{other} is set: set both or neither"]


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, SETTINGS, n=1)
    hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
    return f"{PREFIX}{name} is not a known setting{hint}"


def _value(variable: str, given: str | None, found: Mapping[str, Any]) -> Any:
    rule: Rule = SETTINGS[variable].metadata["rule"]
    default = _default(variable, found)
    # Compose files pass what is unset as empty. A key that came out empty is an accident.
    if given is None or (given == "" and not isinstance(default, Secret)):
        return default
    try:
        value = rule.parse(given)
    except (ValueError, KeyError):
        raise ValueError(f"{_found(variable, given, rule)}, allowed is {rule.allowed}") from None
    if variable in NOT_BUILT and value != default:
        default_text = SETTINGS[variable].metadata["default"]
        only = "leave it unset" if default_text is None else f"allowed is {default_text}"
        raise ValueError(f"{_found(variable, given, rule)}, not supported yet: {only}")
    return value


def _contradictions(found: Mapping[str, Any]) -> list[str]:
    """What is allowed alone and makes no sense together; one sentence each."""
    keys = ("jwt_secret", "jwt_public_key_file", "jwt_jwks_url")
    given = [f"{PREFIX}{name.upper()}" for name in keys if found.get(name)]
    faults = []
    if len(given) > 1:
        faults.append(f"{' and '.join(given)}: found together, allowed is one of them")
    has_public_key = found.get("jwt_public_key_file") or found.get("jwt_jwks_url")
    if has_public_key and found.get("database_url") and found.get("grant_secret") == Secret(""):
        faults.append(
            f"{PREFIX}GRANT_SECRET: found nothing, allowed is {values.secret().allowed}: with"
            f" {given[-1]} and {PREFIX}DATABASE_URL it must be the same on every machine"
        )
    return faults


def _found(variable: str, given: str, rule: Rule) -> str:
    shown = "a value not shown here" if rule.is_secret else repr(given[:100])
    return f"{PREFIX}{variable}: found {shown}"


def _default(variable: str, found: Mapping[str, Any]) -> Any:
    metadata = SETTINGS[variable].metadata
    default: str | None = metadata["default"]
    if default is None:
        return None
    if default == "":
        return Secret("")
    # Without a DATA_DIR that could be read there is a fault already.
    return metadata["rule"].parse(default.replace("{DATA_DIR}", str(found.get("data_dir", "."))))
