from pathlib import Path

import pytest

from server.config.settings import PREFIX, SETTINGS, Config, ConfigError, load_config
from server.config.values import Rate, Secret
from storage.media.facts import MediaLimits

NO_FILE = Path("/nonexistent/.env")
LONG = "s" * 32
GIB = 1024**3
FORMATS = ("mp4", "webm", "mov", "mkv", "avi", "ts", "mpg", "wmv", "flv")

# variable, default, a text that is allowed, what it means.
CONTRACT = [
    ("HOST", "127.0.0.1", "0.0.0.0", "0.0.0.0"),
    ("PORT", 8080, "0", 0),
    ("WORKERS", 1, "2", 2),
    ("MEDIA_WORKERS", 1, "0", 0),
    ("DATA_DIR", Path.cwd() / "data", "/srv/c", Path("/srv/c")),
    ("STORAGE_PATH", Path.cwd() / "data" / "storage", "/mnt/v", Path("/mnt/v")),
    ("STORAGE_QUOTA", None, "1TiB", 1024**4),
    ("STORAGE_RESERVE", GIB, "0", 0),
    ("DATABASE_URL", None, "postgresql://u:pw@h/d", Secret("postgresql://u:pw@h/d")),
    ("DATABASE_POOL_SIZE", 10, "20", 20),
    ("REDIS_URL", None, "rediss://:pw@h:6380/1", Secret("rediss://:pw@h:6380/1")),
    ("JWT_SECRET", Secret(""), LONG, Secret(LONG)),
    ("JWT_PUBLIC_KEY_FILE", None, "/key.pem", Path("/key.pem")),
    ("JWT_JWKS_URL", None, "https://h/jwks", "https://h/jwks"),
    ("JWT_ISSUER", None, "https://issuer", "https://issuer"),
    ("JWT_AUDIENCE", None, "courses", "courses"),
    ("JWT_LEEWAY", 30, "0s", 0),
    ("GRANT_SECRET", Secret(""), LONG, Secret(LONG)),
    ("GRANT_TTL", 6 * 3600, "90m", 90 * 60),
    ("OFFLINE_TTL", 14 * 86400, "0", 0),
    ("ALLOWED_FORMATS", FORMATS, "mxf,ogv", ("mxf", "ogv")),
    ("MAX_UPLOAD_SIZE", 10 * GIB, "256KiB", 256 * 1024),
    ("MAX_PIXELS", 50_000_000, "1", 1),
    ("MAX_DURATION", 86400, "2d", 2 * 86400),
    ("MAX_STREAMS", 16, "2", 2),
    ("TRASH_RETENTION", 86400, "0s", 0),
    ("UPLOAD_EXPIRY", 86400, "1h", 3600),
    ("THUMBNAIL_SIZES", (("small", 160), ("medium", 320), ("large", 640)), "a:16", (("a", 16),)),
    ("THUMBNAIL_QUALITY", 82, "100", 100),
    ("RENDITIONS", "auto", "240,1080", (1080, 240)),
    ("RENDITIONS_AV1", False, "on", True),
    ("ALTERNATE_FORMAT", False, "on", True),
    ("STREAM_REPLAY", True, "off", False),
    ("EVENT_LOOP", "uvloop", "asyncio", "asyncio"),
    ("TLS_CERT_FILE", None, "/cert", Path("/cert")),
    ("TLS_KEY_FILE", None, "/key", Path("/key")),
    ("STREAM_WINDOW", 2 * 1024**2, "65536", 65536),
    ("STREAM_STALL_TIMEOUT", 120, "1s", 1),
    ("MAX_CONNECTIONS", 10000, "1", 1),
    ("STREAM_RATE_LIMIT", Rate(50, 1), "60/minute", Rate(60, 60)),
    ("STREAMS_PER_USER", 8, "9", 9),
    ("UPLOADS_PER_USER", 20, "1", 1),
    ("SEEN_CLAIMS", "bounded", "believed", "believed"),
    ("REPORT_RATE_LIMIT", Rate(10, 1), "60/minute", Rate(60, 60)),
    ("STREAM_BANDWIDTH_LIMIT", None, "1MiB", 1024**2),
    ("WEBHOOK_PRIVATE", False, "on", True),
    ("XAPI_ENDPOINT", None, "https://lrs/xAPI/", "https://lrs/xAPI"),
    ("XAPI_KEY_FILE", None, "/key", Path("/key")),
    ("PSEUDONYMS", False, "on", True),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", None, "http://collector:4318/", "http://collector:4318"),
    ("CDN_URL", None, "https://cdn.example/edge/", "https://cdn.example/edge"),
    ("CDN_SIGNING", "grant", "hmac", "hmac"),
    ("CDN_KEY_FILE", None, "/key", Path("/key")),
    ("CDN_ORIGIN_SECRET", None, LONG, Secret(LONG)),
    ("ACCEL_REDIRECT", None, "/internal/", "/internal/"),
    ("SSE_HEARTBEAT", 15, "5s", 5),
    ("SSE_BACKLOG", 256, "1", 1),
    ("SSE_PER_USER", 16, "1", 1),
    ("SSE_TOTAL", 20000, "1", 1),
    ("SESSION_RETENTION", 90 * 86400, "1d", 86400),
    ("METRICS_PORT", None, "9100", 9100),
    ("EVENT_RETENTION", 7 * 86400, "1h", 3600),
    ("PROGRESS_EVENT_RETENTION", 86400, "2h", 7200),
    ("COMPLETION_RATIO", 0.9, "1", 1.0),
    ("REPORT_INTERVAL", 5, "1s", 1),
    ("CORS_ORIGINS", None, "https://a.example", ("https://a.example",)),
    ("TRUSTED_PROXIES", None, "10.0.0.0/8", ("10.0.0.0/8",)),
    ("SIGN_IN_URL", None, "https://lms.example/go?to=video", "https://lms.example/go?to=video"),
    ("LOG_LEVEL", "info", "debug", "debug"),
    ("LOG_FORMAT", "console", "json", "json"),
]
SIGNED = {
    "CDN_URL": "https://cdn.example",
    "CDN_SIGNING": "hmac",
    "CDN_KEY_FILE": "/key",
    "CDN_ORIGIN_SECRET": LONG,
}
PARTNERS = {
    "TLS_CERT_FILE": {"TLS_KEY_FILE": "/key"},
    "TLS_KEY_FILE": {"TLS_CERT_FILE": "/cert"},
    "XAPI_ENDPOINT": {"XAPI_KEY_FILE": "/key"},
    "XAPI_KEY_FILE": {"XAPI_ENDPOINT": "https://lrs"},
    **{name: SIGNED for name in SIGNED if name != "CDN_URL"},
}


def load(**variables: str) -> Config:
    return load_config({PREFIX + name: text for name, text in variables.items()}, NO_FILE)


def faults(**variables: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**variables)
    return caught.value.faults


def value_of(config: Config, variable: str) -> object:
    return getattr(config, SETTINGS[variable].name)


def test_the_contract_names_every_setting_and_no_other() -> None:
    assert {row[0] for row in CONTRACT} == set(SETTINGS)


@pytest.mark.parametrize(("variable", "default"), [pytest.param(*r[:2], id=r[0]) for r in CONTRACT])
def test_default(variable: str, default: object) -> None:
    assert value_of(load(), variable) == default


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [pytest.param(r[0], r[2], r[3], id=r[0]) for r in CONTRACT],
)
def test_allowed_value(variable: str, text: str, value: object) -> None:
    assert value_of(load(**{**PARTNERS.get(variable, {}), variable: text}), variable) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "eighty"),
        ("PORT", "8080 "),
        ("PORT", "٨٠"),
        ("PORT", "9" * 5000),
        ("HOST", "a\nb"),
        ("JWT_ISSUER", "a\nb"),
        ("HOST", " "),
        ("HOST", "two hosts"),
        ("HOST", "[::1]"),
        ("HOST", "localhost:8080"),
        ("DATABASE_URL", "mysql://u@h/d"),
        ("DATABASE_URL", "host=/run dbname=d"),
        ("DATABASE_URL", "postgresql://u:hunter2@[h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h/d?no_such_option=1"),
        ("DATABASE_URL", "postgresql://u:a@hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2/a@h/d"),
        ("DATABASE_URL", "postgresql://u:1/hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:x/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:0/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:65536/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@/d?host=a,b,c&port=1,2"),
        ("DATABASE_URL", "postgresql://u:hunter2@/d?host=a,b&hostaddr=127.0.0.1"),
        ("JWT_SECRET", "s" * 31),
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"),
        ("JWT_SECRET", '{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}'),
        ("JWT_JWKS_URL", "ftp://issuer.example/jwks"),
        ("JWT_JWKS_URL", "https:///jwks"),
        ("JWT_JWKS_URL", "https://issuer.example:99999/jwks"),
        ("JWT_JWKS_URL", "https://issuer.example:0/jwks"),
        ("JWT_JWKS_URL", "https://issuer.example:x/jwks"),
        ("JWT_JWKS_URL", "https://user:hunter2@issuer.example/jwks"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "https://*.example.org"),
        ("CORS_ORIGINS", "https://example.org/"),
        ("CORS_ORIGINS", "https://example.org/app"),
        ("CORS_ORIGINS", "https://user:pw@example.org"),
        ("CORS_ORIGINS", "https://example.org:port"),
        ("CORS_ORIGINS", "https://"),
        ("CORS_ORIGINS", "https://bücher.example"),
        ("CORS_ORIGINS", "ftp://example.org"),
        ("CORS_ORIGINS", "https://a.example,,https://b.example"),
        ("SIGN_IN_URL", "lms.example/login"),
        ("SIGN_IN_URL", "javascript:alert(1)"),
        ("SIGN_IN_URL", "https://user:hunter2@lms.example/login"),
        ("SIGN_IN_URL", "https://lms.example/log in"),
        ("SIGN_IN_URL", "https://lms.example:99999/login"),
        ("CDN_URL", "cdn.example"),
        ("CDN_URL", "ftp://cdn.example"),
        ("CDN_URL", "https://cdn.example/?key=hunter2"),
        ("CDN_URL", "https://user:hunter2@cdn.example"),
        ("CDN_URL", "https://cdn.example; script-src *"),
        ("CDN_URL", "https://cdn.example:99999"),
        ("CDN_SIGNING", "md5"),
        ("CDN_ORIGIN_SECRET", "short"),
        ("CDN_ORIGIN_SECRET", " a secret with a blank before its thirty-two bytes"),
        ("ACCEL_REDIRECT", "/internal"),
        ("ACCEL_REDIRECT", "internal/"),
        ("ACCEL_REDIRECT", "/"),
        ("ACCEL_REDIRECT", "/a//b/"),
        ("ACCEL_REDIRECT", "/../etc/"),
        ("ACCEL_REDIRECT", "/in ternal/"),
        ("ACCEL_REDIRECT", "/play/internal/"),
        ("REDIS_URL", "http://h:6379"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://h:x/0"),
        ("REDIS_URL", "redis://h:0/0"),
        ("REDIS_URL", "redis://h/courses"),
        ("REDIS_URL", "redis://h/0?socket_timeout=900"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("GRANT_SECRET", "short"),
        ("GRANT_TTL", "6"),
        ("GRANT_TTL", "1.5h"),
        ("GRANT_TTL", "-1h"),
        ("GRANT_TTL", "6hours"),
        ("GRANT_TTL", "999999999999999d"),
        ("OFFLINE_TTL", "31d"),
        ("OFFLINE_TTL", "off"),
        ("ALLOWED_FORMATS", "mp4,gif"),
        ("ALLOWED_FORMATS", "mp4,,webm"),
        ("ALLOWED_FORMATS", "mp4,mp4"),
        ("MAX_UPLOAD_SIZE", "0"),
        ("MAX_UPLOAD_SIZE", "10GB"),
        ("MAX_UPLOAD_SIZE", "999999999999999TiB"),
        ("THUMBNAIL_SIZES", "small"),
        ("THUMBNAIL_SIZES", "small:160,small:320"),
        ("THUMBNAIL_SIZES", "source:160"),
        ("THUMBNAIL_SIZES", "Small:160"),
        ("THUMBNAIL_SIZES", "../x:160"),
        ("THUMBNAIL_SIZES", "small:15"),
        ("THUMBNAIL_SIZES", "small:4097"),
        ("THUMBNAIL_QUALITY", "0"),
        ("THUMBNAIL_QUALITY", "101"),
        ("RENDITIONS", "all"),
        ("RENDITIONS", "720,"),
        ("RENDITIONS", "720,720"),
        ("RENDITIONS", "721"),
        ("RENDITIONS", "94"),
        ("RENDITIONS", "4322"),
        ("RENDITIONS", "96,98,100,102,104,106,108,110,112"),
        ("RENDITIONS", "auto,720"),
        ("STREAM_REPLAY", "yes"),
        ("EVENT_LOOP", "trio"),
        ("STREAM_RATE_LIMIT", "50/fortnight"),
        ("STREAM_RATE_LIMIT", "0/second"),
        ("STREAM_RATE_LIMIT", "50"),
        ("STREAMS_PER_USER", "0"),
        ("STREAM_BANDWIDTH_LIMIT", "0"),
        ("STREAM_BANDWIDTH_LIMIT", "1023"),
        ("COMPLETION_RATIO", "0"),
        ("COMPLETION_RATIO", "1.1"),
        ("COMPLETION_RATIO", "nan"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_is_not_allowed_is_a_fault_that_says_what_is(variable: str, text: str) -> None:
    (fault,) = faults(**{variable: text})
    assert fault.startswith(f"{PREFIX}{variable}: found ")
    assert "allowed is" in fault
    assert len(fault) < 500
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///d",
        "postgres://u:p%40%2F%3A@h:5433/d",
        "postgresql://u:p?#@h/d%40",
        "postgresql://u@%2Frun%2Fpostgresql:5433/d",
        "postgresql://u@a,b:5433/d",
        "postgresql://u@a:1,b:2/d?target_session_attrs=read-write",
        "postgresql://u@/d?hostaddr=127.0.0.1,127.0.0.2&host=a,b&port=5433",
        "postgresql://u@[::1]:5433/d?password=a@b/c",
    ],
)
def test_forms_of_database_urls(url: str) -> None:
    assert load(DATABASE_URL=url).database_url == Secret(url)


@pytest.mark.parametrize(
    ("given", "missing"),
    [("TLS_CERT_FILE", "TLS_KEY_FILE"), ("TLS_KEY_FILE", "TLS_CERT_FILE")],
)
def test_half_of_a_pair_is_a_fault_that_names_the_other_half(given: str, missing: str) -> None:
    (fault,) = faults(**{given: "/file", missing: ""})
    assert fault.startswith(f"{PREFIX}{missing}: found nothing, but {PREFIX}{given} is set")


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("HTTPS://A.Example, http://b:8080", ("https://a.example", "http://b:8080")),
        ("https://a.example:443,http://a.example:80", ("https://a.example", "http://a.example")),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
    ],
)
def test_origins_are_kept_as_browsers_send_them(text: str, origins: tuple[str, ...]) -> None:
    assert load(CORS_ORIGINS=text).cors_origins == origins


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_metrics_have_a_port_of_their_own(host: str) -> None:
    (fault,) = faults(HOST=host, PORT="9000", METRICS_PORT="9000")

    assert fault == f"{PREFIX}METRICS_PORT: found 9000, which {PREFIX}PORT is already"


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", "9000"), ("0.0.0.0", "9001")])
def test_metrics_may_have_the_port_of_another_address(host: str, port: str) -> None:
    assert load(HOST=host, PORT=port, METRICS_PORT="9000").metrics_port == 9000


@pytest.mark.parametrize("host", ["::", "fe80::1%eth0", "192.0.2.1", "node-1.example.org"])
def test_hosts_are_addresses_and_names(host: str) -> None:
    assert load(HOST=host).host == host


@pytest.mark.parametrize(
    "settings",
    [
        {"JWT_SECRET": LONG, "JWT_PUBLIC_KEY_FILE": "/key.pem"},
        {"JWT_SECRET": LONG, "JWT_JWKS_URL": "https://h/jwks"},
        {"JWT_PUBLIC_KEY_FILE": "/key.pem", "JWT_JWKS_URL": "https://h/jwks"},
        {"JWT_SECRET": LONG, "JWT_PUBLIC_KEY_FILE": "/key.pem", "JWT_JWKS_URL": "https://h/jwks"},
    ],
    ids=" ".join,
)
def test_tokens_are_checked_in_one_way(settings: dict[str, str]) -> None:
    (fault,) = faults(**settings)
    assert all(f"{PREFIX}{name}" in fault for name in settings)
    assert LONG not in fault


@pytest.mark.parametrize(
    "key", [{"JWT_PUBLIC_KEY_FILE": "/key.pem"}, {"JWT_JWKS_URL": "https://h/jwks"}]
)
def test_public_key_with_a_database_of_its_own_needs_the_grants_secret(key: dict[str, str]) -> None:
    database = {"DATABASE_URL": "postgresql://u@h/d"}

    (fault,) = faults(**key, **database)

    assert fault.startswith(f"{PREFIX}GRANT_SECRET: found nothing, allowed is 32 bytes or more")
    assert not load(**key).has_shared_secret
    assert load(**key, **database, GRANT_SECRET=LONG).grant_secret == Secret(LONG)
    assert load(**database).has_shared_secret
    assert load().has_embedded_database
    assert not load(**database).has_embedded_database


def test_all_faults_are_reported_at_once() -> None:
    found = faults(PORT="x", LOG_LEVEL="loud", WORKERS="0", NO_SUCH_THING="1", GRANT_TTL="soon")
    assert len(found) == 5


def test_an_unknown_variable_is_a_fault_with_the_likely_name() -> None:
    (fault,) = faults(PROT="80")
    assert fault == "COURSESTREAM_PROT is not a known setting; did you mean COURSESTREAM_PORT?"


def test_variables_without_the_prefix_are_not_ours() -> None:
    assert load_config({"PORT": "x", "coursestream_port": "x"}, NO_FILE) == load()


def test_an_empty_variable_is_unset() -> None:
    assert load(PORT="", STORAGE_QUOTA="") == load()


def test_storage_follows_the_data_dir() -> None:
    assert load(DATA_DIR="/srv/c").storage_path == Path("/srv/c/storage")


class TestEnvFile:
    def test_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("# a comment\nCOURSESTREAM_PORT=9000\nOTHER=1\n")
        assert load_config({}, file).port == 9000

    def test_loses_to_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("COURSESTREAM_PORT=9000\nCOURSESTREAM_HOST=::1\n")
        config = load_config({"COURSESTREAM_PORT": "9001"}, file)
        assert (config.port, config.host) == (9001, "::1")

    def test_is_not_expanded_with_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("COURSESTREAM_JWT_ISSUER=a${HOME}b\n")
        assert load_config({}, file).jwt_issuer == "a${HOME}b"

    def test_has_faults_too(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("COURSESTREAM_PROT=9000\n")
        with pytest.raises(ConfigError, match="PROT"):
            load_config({}, file)

    def test_that_cannot_be_read_is_a_fault(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config({}, tmp_path)


class TestSecrets:
    SHORT = "hunter2-not-long-enough"
    URL = "mysql://user:hunter2@host/database"

    def test_are_not_in_the_repr(self) -> None:
        config = load(JWT_SECRET=LONG, GRANT_SECRET=LONG, DATABASE_URL="postgresql://u:pw@h/d")
        assert LONG not in repr(config)
        assert "pw@" not in repr(config)
        assert f"{config.jwt_secret}" == "'***'"

    @pytest.mark.parametrize("variable", ["JWT_SECRET", "GRANT_SECRET", "DATABASE_URL"])
    def test_are_not_in_faults(self, variable: str) -> None:
        (fault,) = faults(**{variable: self.SHORT})
        assert self.SHORT not in fault

    def test_a_password_in_a_url_is_not_in_faults(self) -> None:
        (fault,) = faults(DATABASE_URL=self.URL)
        assert "hunter2" not in fault

    def test_the_cause_of_a_fault_does_not_carry_them_either(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load(DATABASE_URL=self.URL)
        assert caught.value.__cause__ is None
        assert "hunter2" not in str(caught.value)


def test_limits_of_media_are_three_of_the_settings() -> None:
    config = load_config(
        {
            PREFIX + "MAX_PIXELS": "1000",
            PREFIX + "MAX_DURATION": "2h",
            PREFIX + "MAX_STREAMS": "3",
        },
        NO_FILE,
    )

    assert config.media_limits == MediaLimits(max_pixels=1000, max_duration_s=7200, max_streams=3)
