"""Definitions of all settings: variable, default, rule and meaning; reports all faults at once.

Reads an environ mapping and a `.env` file (the environment wins), never the process environment
directly. A variable whose feature does not exist yet is refused at any value but that without it.
Secrets never appear in a repr or a fault. Reads no other file and creates no directory.
"""

# ruff: noqa: RUF009 (`setting` makes a dataclass field)

import difflib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values

from handlers.access.grants import LONGEST_TTL_S
from server.config import values
from server.config.edge_faults import edge_faults
from server.config.values import Rate, Rule, Secret
from server.errors import OperatorError
from storage.media.facts import MediaLimits

PREFIX = "COURSESTREAM_"
SHARED_WITH_METRICS = ("127.0.0.1", "localhost", "0.0.0.0")
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"  # that programs agree on


class ConfigError(OperatorError):
    """The settings have faults; `faults` holds one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def setting(
    variable: str, default: str | None, rule: Rule, meaning: str, *, section: str | None = None
) -> Any:
    """Defines a field of Config: variable without the prefix, default as text, rule, and meaning,
    from which docs/configuration.md is generated. `section` begins a section there."""
    given = {"variable": variable, "default": default, "rule": rule}
    return field(metadata={**given, "meaning": meaning, "section": section})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one server. Field names carry the unit; variables do not."""

    host: str = setting(
        "HOST", "127.0.0.1", values.host(), "Address to listen on.", section="Listening"
    )
    port: int = setting(
        "PORT", "8080", values.integer(0, 65535), "Port to listen on; 0 lets the kernel choose one."
    )
    workers: int = setting(
        "WORKERS", "1", values.integer(1, 256), "Web processes that share the port."
    )
    media_workers: int = setting(
        "MEDIA_WORKERS",
        "1",
        values.integer(0, 64),
        "Media workers started by `serve`; 0 when `worker` runs elsewhere.",
    )
    event_loop: str = setting(
        "EVENT_LOOP",
        "uvloop",
        values.choice("uvloop", "asyncio"),
        "Event loop of the web processes.",
    )
    tls_cert_file: Path | None = setting(
        "TLS_CERT_FILE",
        None,
        values.path(),
        "Certificate chain in PEM, read at start; serves TLS 1.2 and newer. Needs `TLS_KEY_FILE`.",
    )
    tls_key_file: Path | None = setting(
        "TLS_KEY_FILE",
        None,
        values.path(),
        "Private key in PEM, read at start. Needs `TLS_CERT_FILE`.",
    )
    max_connections: int = setting(
        "MAX_CONNECTIONS",
        "10000",
        values.integer(1, 10**6),
        "Open connections per web process; beyond it 503 with `Retry-After`.",
    )

    data_dir: Path = setting(
        "DATA_DIR",
        "./data",
        values.path(),
        "Directory of the embedded database, generated secrets and storage.",
        section="Storage and database",
    )
    storage_path: Path = setting(
        "STORAGE_PATH", "{DATA_DIR}/storage", values.path(), "Directory of the videos."
    )
    storage_quota_bytes: int | None = setting(
        "STORAGE_QUOTA",
        None,
        values.size(),
        "Total bytes that videos may take; uploads beyond it are refused (507).",
    )
    storage_reserve_bytes: int = setting(
        "STORAGE_RESERVE",
        "1GiB",
        values.size(low=0),
        "Bytes kept free on the disk; uploads that would use them are refused (507).",
    )
    database_url: Secret | None = setting(
        "DATABASE_URL",
        None,
        values.database_url(),
        "PostgreSQL 15 or newer; unset: an embedded PostgreSQL in `DATA_DIR`.",
    )
    database_pool_size: int = setting(
        "DATABASE_POOL_SIZE", "10", values.integer(1, 1000), "Database connections per process."
    )
    redis_url: Secret | None = setting(
        "REDIS_URL",
        None,
        values.redis_url(),
        "Redis 7 or Valkey 8, by which limits per user hold over all machines, and which keeps the"
        " facts of videos that are played, see [limits.md](limits.md); unset: limits hold over the"
        " processes of one machine; away: in each process.",
    )

    # Empty when not set: `server.credentials.secrets.with_secrets` fills both.
    jwt_secret: Secret = setting(
        "JWT_SECRET",
        "",
        values.token_secret(),
        "Shared secret of HS256 tokens; unset: generated once into `DATA_DIR`.",
        section="Authentication",
    )
    jwt_public_key_file: Path | None = setting(
        "JWT_PUBLIC_KEY_FILE",
        None,
        values.path(),
        "Instead of the secret: a public key in PEM; RS256, ES256 or EdDSA by its kind.",
    )
    jwt_jwks_url: str | None = setting(
        "JWT_JWKS_URL",
        None,
        values.url("https", "http"),
        "Instead of the secret: address of an issuer's keys, chosen by `kid`, fetched every"
        " minute and for an unknown `kid`.",
    )
    jwt_issuer: str | None = setting(
        "JWT_ISSUER", None, values.text(), "Required `iss` claim; unset: not checked."
    )
    jwt_audience: str | None = setting(
        "JWT_AUDIENCE",
        None,
        values.text(),
        "Required `aud` claim; unset: tokens with `aud` are refused.",
    )
    jwt_leeway_s: int = setting(
        "JWT_LEEWAY",
        "30s",
        values.duration(0, 3600),
        "Tolerated clock difference for `exp` and `nbf`.",
    )
    grant_secret: Secret = setting(
        "GRANT_SECRET",
        "",
        values.secret(),
        "Signs playback grants; unset: derived from `JWT_SECRET` when that is set, else"
        " generated. Required with a public key or JWKS together with `DATABASE_URL`.",
    )
    grant_ttl_s: int = setting(
        "GRANT_TTL",
        "6h",
        values.duration(1, LONGEST_TTL_S),
        "Lifetime of a playback grant; 15 minutes for admin and service.",
    )
    offline_ttl_s: int = setting(
        "OFFLINE_TTL",
        "14d",
        values.duration(0, LONGEST_TTL_S),
        "How long a lesson may be kept offline without being renewed; 0 allows none.",
    )

    allowed_formats: tuple[str, ...] = setting(
        "ALLOWED_FORMATS",
        "mp4,webm,mov,mkv,avi,ts,mpg,wmv,flv",
        values.several(
            "mp4", "webm", "mov", "mkv", "avi", "ts", "mpg", "wmv", "flv", "mxf", "ogv", "audio"
        ),
        "Accepted formats, judged by content; what browsers cannot play is converted before"
        " `ready`. `mp4` is 3GP and M4A, too; `audio` is sound alone, which gets a poster.",
        section="Uploads and media processing",
    )
    max_upload_size_bytes: int = setting(
        "MAX_UPLOAD_SIZE", "10GiB", values.size(), "Largest video file."
    )
    max_pixels: int = setting(
        "MAX_PIXELS", "50000000", values.integer(1, 10**9), "Most pixels of a frame."
    )
    max_duration_s: int = setting("MAX_DURATION", "24h", values.duration(), "Longest video.")
    max_streams: int = setting(
        "MAX_STREAMS", "16", values.integer(1, 1000), "Most streams in a file."
    )
    trash_retention_s: int = setting(
        "TRASH_RETENTION",
        "24h",
        values.duration(0),
        "Time during which a deleted video can be restored.",
    )
    upload_expiry_s: int = setting(
        "UPLOAD_EXPIRY",
        "24h",
        values.duration(),
        "An unfinished upload expires after this long without a byte.",
    )
    uploads_per_user: int = setting(
        "UPLOADS_PER_USER",
        "20",
        values.integer(1, 10000),
        "Unfinished uploads per user; beyond it 429, see [limits.md](limits.md).",
    )
    thumbnail_sizes: tuple[tuple[str, int], ...] = setting(
        "THUMBNAIL_SIZES",
        "small:160,medium:320,large:640",
        values.picture_sizes(),
        "Name and width in pixels of each thumbnail size.",
    )
    thumbnail_quality: int = setting(
        "THUMBNAIL_QUALITY", "82", values.integer(1, 100), "Encoder quality of thumbnails."
    )
    renditions: tuple[int, ...] | Literal["none", "auto"] = setting(
        "RENDITIONS",
        "auto",
        values.renditions(),
        "Adaptive ladder, made after `ready`: `auto` is 1080, 720, 480, 240 up to the source's"
        " size; heights are the shorter sides of pictures. What is made stays when this changes.",
    )
    renditions_av1: bool = setting(
        "RENDITIONS_AV1",
        "off",
        values.switch(),
        "Make the ladder in AV1, too, for clients that play it.",
    )
    alternate_format: bool = setting(
        "ALTERNATE_FORMAT",
        "off",
        values.switch(),
        "Make the other of MP4 and WebM after `ready`; `Accept` or `?format=` chooses.",
    )

    stream_replay: bool = setting(
        "STREAM_REPLAY",
        "on",
        values.switch(),
        "Answer repeated range requests and reports on a shorter path; rights and limits are"
        " checked each time.",
        section="Delivery",
    )
    stream_window_bytes: int = setting(
        "STREAM_WINDOW", "2MiB", values.size(low=4096), "Bytes handed to the kernel at a time."
    )
    stream_stall_timeout_s: int = setting(
        "STREAM_STALL_TIMEOUT",
        "120s",
        values.duration(1, 86400),
        "A transfer ends when its client accepts nothing for this long.",
    )
    stream_rate_limit: Rate = setting(
        "STREAM_RATE_LIMIT",
        "50/second",
        values.rate(),
        "Playback requests per user, with a burst of twice as many; beyond it 429, see"
        " [limits.md](limits.md).",
    )
    streams_per_user: int = setting(
        "STREAMS_PER_USER",
        "8",
        values.integer(1, 10000),
        "Concurrent transfers of video bytes per user; beyond it 429.",
    )
    stream_bandwidth_limit_bytes: int | None = setting(
        "STREAM_BANDWIDTH_LIMIT",
        None,
        values.size(low=1024),
        "Bytes per second per user, shared by all transfers of that user.",
    )
    cors_origins: tuple[str, ...] | None = setting(
        "CORS_ORIGINS", None, values.origins(), "Origins whose pages may call the API and play."
    )
    trusted_proxies: tuple[str, ...] | None = setting(
        "TRUSTED_PROXIES",
        None,
        values.networks(),
        "Networks whose `X-Forwarded-*` are believed: the client address in the access log, and"
        " whether browsers use TLS (the session's cookie is `Secure` then).",
    )
    sign_in_url: str | None = setting(
        "SIGN_IN_URL",
        None,
        values.page_url(),
        "Page of the course site to which our pages send people whose token has run out; it sends"
        " them back with `#token=`.",
    )

    cdn_url: str | None = setting(
        "CDN_URL",
        None,
        values.base_url(),
        "Address of an edge or CDN, which media addresses of the playback answer then begin with:"
        " [edges.md](edges.md).",
        section="Edges",
    )
    cdn_signing: str = setting(
        "CDN_SIGNING",
        "grant",
        values.choice("grant", "secure-link", "hmac", "bunny", "cloudfront"),
        "By which the edge admits viewers: the grant, of which it asks here, or a signature that it"
        " checks by itself and that lives 10 to 15 minutes.",
    )
    cdn_key_file: Path | None = setting(
        "CDN_KEY_FILE",
        None,
        values.path(),
        "Key of the signatures, read at start: a text of 32 bytes or more, for `cloudfront` an RSA"
        " key in PEM, in a file that is named after its id. Needed by all but `grant`.",
    )
    cdn_origin_secret: Secret | None = setting(
        "CDN_ORIGIN_SECRET",
        None,
        values.header_secret(),
        "Opens `/media/...` here to an edge, which sends it as `X-Origin-Secret`. Needed by all but"
        " `grant`.",
    )

    accel_redirect: str | None = setting(
        "ACCEL_REDIRECT",
        None,
        values.location(),
        "Internal location of an nginx before this service that stands for `STORAGE_PATH`, like"
        " `/internal/`: nginx then sends the bytes, which are not counted here"
        " ([edges.md](edges.md#bytes-by-nginx)).",
    )

    sse_heartbeat_s: int = setting(
        "SSE_HEARTBEAT",
        "15s",
        values.duration(1, 300),
        "Interval of comment lines on an event stream.",
        section="Events and progress",
    )
    sse_backlog: int = setting(
        "SSE_BACKLOG",
        "256",
        values.integer(1, 10**5),
        "Events queued for one stream before it is dropped.",
    )
    sse_per_user: int = setting(
        "SSE_PER_USER", "16", values.integer(1, 10**5), "Event streams per user."
    )
    sse_total: int = setting(
        "SSE_TOTAL", "20000", values.integer(1, 10**6), "Event streams per process."
    )
    session_retention_s: int = setting(
        "SESSION_RETENTION",
        "90d",
        values.duration(),
        "How long playback sessions and [bytes served](limits.md) are kept.",
    )
    event_retention_s: int = setting(
        "EVENT_RETENTION", "7d", values.duration(), "How far back `Last-Event-ID` can resume."
    )
    progress_event_retention_s: int = setting(
        "PROGRESS_EVENT_RETENTION",
        "24h",
        values.duration(),
        "The same for event streams that show `playback.progress`: how long it is kept.",
    )
    completion_ratio: float = setting(
        "COMPLETION_RATIO", "0.9", values.ratio(), "Share of a video watched that completes it."
    )
    report_interval_s: int = setting(
        "REPORT_INTERVAL", "5s", values.duration(1, 300), "How often players report progress."
    )
    seen_claims: str = setting(
        "SEEN_CLAIMS",
        "bounded",
        values.choice("bounded", "believed"),
        "`bounded`: a session counts no more seconds than could have been played, see"
        " [seen.md](seen.md); `believed`: all that players claim.",
    )
    report_rate_limit: Rate = setting(
        "REPORT_RATE_LIMIT",
        "10/second",
        values.rate(),
        "Progress reports per user, with a burst of six times as many; beyond it 429, see"
        " [limits.md](limits.md).",
    )

    webhook_private: bool = setting(
        "WEBHOOK_PRIVATE",
        "off",
        values.switch(),
        "Let [webhooks](webhooks.md) call private addresses: of this machine and its networks.",
        section="Other systems",
    )

    xapi_endpoint: str | None = setting(
        "XAPI_ENDPOINT",
        None,
        values.base_url(),
        "Address of a learning record store, before `/statements`, which is told of watching in"
        " [xAPI](webhooks.md#a-learning-record-store). Needs `XAPI_KEY_FILE`.",
    )
    xapi_key_file: Path | None = setting(
        "XAPI_KEY_FILE",
        None,
        values.path(),
        "The store's `key:secret` (Basic), or a token (Bearer), in one line, read at start.",
    )

    pseudonyms: bool = setting(
        "PSEUDONYMS",
        "off",
        values.switch(),
        "All but admins and services see stable [pseudonyms](privacy.md#pseudonyms) instead of the"
        " ids of others.",
        section="Privacy",
    )

    metrics_port: int | None = setting(
        "METRICS_PORT",
        None,
        values.integer(1, 65535),
        "Port of a separate listener for `/metrics` on 127.0.0.1, without a token.",
        section="Observability",
    )
    otlp_endpoint: str | None = setting(
        OTLP,
        None,
        values.base_url(),
        "Address of an OpenTelemetry collector, before `/v1/traces`, which is sent the [traces]"
        "(metrics.md#traces) of videos from upload to ready; read without the prefix, too. Needs"
        " `make install EXTRAS=otel`.",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        "info",
        values.choice("debug", "info", "warning", "error"),
        "Lowest level that is logged.",
    )
    log_format: str = setting(
        "LOG_FORMAT", "console", values.choice("console", "json"), "`json` for machines."
    )

    env_file: Path | None = None
    """The `.env` file that was read, if it holds a secret."""

    @property
    def has_embedded_database(self) -> bool:
        return self.database_url is None

    @property
    def media_limits(self) -> MediaLimits:
        return MediaLimits(self.max_pixels, self.max_duration_s, self.max_streams)

    @property
    def has_shared_secret(self) -> bool:
        """True if tokens are signed with a secret known here, not with an issuer's key."""
        return self.jwt_public_key_file is None and self.jwt_jwks_url is None


SETTINGS: Mapping[str, Field[Any]] = {
    item.metadata["variable"]: item for item in fields(Config) if item.metadata
}


def load_config(environ: Mapping[str, str], env_file: Path) -> Config:
    """Loads settings from the file, overridden by the environment. Raises: ConfigError."""
    from_file = _prefixed(_read_env_file(env_file))
    shared = {OTLP: environ[OTLP]} if environ.get(OTLP) else {}
    given = shared | from_file | _prefixed(environ)
    faults = [_unknown(name) for name in sorted(given.keys() - SETTINGS.keys())]
    found: dict[str, Any] = {}
    for variable, item in SETTINGS.items():
        try:
            found[item.name] = _value(variable, given.get(variable), found)
        except ValueError as exc:
            faults.append(str(exc))
    faults += _half_given(given, "TLS_CERT_FILE", "TLS_KEY_FILE")
    faults += _half_given(given, "XAPI_ENDPOINT", "XAPI_KEY_FILE")
    faults += _contradictions(found)
    faults += edge_faults(PREFIX, found)
    if faults:
        raise ConfigError(faults)
    has_secret = any(
        isinstance(found.get(SETTINGS[name].name), Secret) for name in from_file if name in SETTINGS
    )
    return Config(**found, env_file=env_file if has_secret else None)


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
    """Returns a fault if only one of two variables that need each other is set."""
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
    # Compose files pass unset variables as empty. An empty secret, however, is a mistake.
    if given is None or (given == "" and not isinstance(default, Secret)):
        return default
    try:
        return rule.parse(given)
    except (ValueError, KeyError):
        raise ValueError(f"{_found(variable, given, rule)}, allowed is {rule.allowed}") from None


def _contradictions(found: Mapping[str, Any]) -> list[str]:
    """Returns faults of settings that are valid alone but not together, a sentence each."""
    keys = ("jwt_secret", "jwt_public_key_file", "jwt_jwks_url")
    given = [f"{PREFIX}{name.upper()}" for name in keys if found.get(name)]
    faults = []
    if len(given) > 1:
        faults.append(f"{' and '.join(given)}: found together, allowed is one of them")
    port = found.get("port")
    if port and found.get("metrics_port") == port and found.get("host") in SHARED_WITH_METRICS:
        faults.append(f"{PREFIX}METRICS_PORT: found {port}, which {PREFIX}PORT is already")
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
    # An unreadable DATA_DIR has been reported as a fault already.
    return metadata["rule"].parse(default.replace("{DATA_DIR}", str(found.get("data_dir", "."))))
