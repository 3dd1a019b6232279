"""TLS contexts: the certificate and its key, checked before anything listens.

TLS 1.2 and newer with Python's default ciphers; HTTP/1.1 by ALPN. Files are read only at start: a
renewed certificate is served after the next start.
"""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from server.config.settings import Config
from server.errors import OperatorError

CERT, KEY = "COURSESTREAM_TLS_CERT_FILE", "COURSESTREAM_TLS_KEY_FILE"


class TlsError(OperatorError):
    """The certificate or its key cannot be served."""


def server_context(config: Config, now: datetime | None = None) -> ssl.SSLContext | None:
    """Returns the listeners' context, None without TLS. Blocks briefly. Raises: TlsError."""
    if config.tls_cert_file is None or config.tls_key_file is None:
        return None
    _check_certificate(config.tls_cert_file, now or datetime.now(UTC))
    _read(KEY, config.tls_key_file)
    return _loaded(config.tls_cert_file, config.tls_key_file)


def own_client_context(config: Config) -> ssl.SSLContext | bool:
    """Returns a context for calls to ourselves: trusts our certificate under any host name."""
    if config.tls_cert_file is None:
        return True
    context = ssl.create_default_context(cafile=str(config.tls_cert_file))
    context.check_hostname = False  # it is for the public name; we come by the address
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _check_certificate(path: Path, now: datetime) -> None:
    """Checks the file's first certificate, the server's own; the others are its chain."""
    try:
        own = x509.load_pem_x509_certificates(_read(CERT, path))[0]
    except ValueError as exc:
        raise TlsError(f"{CERT}: {path} holds no certificate in PEM form") from exc
    if own.not_valid_after_utc < now:
        raise TlsError(f"{CERT}: {path} expired on {own.not_valid_after_utc:%Y-%m-%d}: renew it")
    if own.not_valid_before_utc > now:
        raise TlsError(f"{CERT}: {path} is not valid before {own.not_valid_before_utc:%Y-%m-%d}")


def _loaded(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except _PasswordWanted as exc:
        raise TlsError(f"{KEY}: {key} is encrypted: give one without a passphrase") from exc
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"{KEY}: {key} is not the key of {certificate}") from exc
        raise TlsError(f"{KEY}: {key} holds no usable private key ({exc.reason})") from exc
    return context


class _PasswordWanted(Exception):
    """OpenSSL would ask at the terminal."""


def _refuse_password() -> str:
    raise _PasswordWanted


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise TlsError(f"{variable}: {path}: {exc.strerror}") from exc
