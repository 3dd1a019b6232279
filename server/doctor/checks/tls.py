"""The TLS that browsers meet: a chain they trust, for how long, and HTTP/2."""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from server.doctor.findings import Observation, fault, ok, remark

TIMEOUT_S = 10.0
SOON_DAYS = 14
DAY_S = 86_400
# OpenSSL's reasons: what came is no TLS; no version in common.
PLAIN = "WRONG_VERSION_NUMBER"
OLD = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")


class CertificateError(IntEnum):
    """OpenSSL's X509_V_ERR_*, as far as they have causes of their own."""

    ENDED = 10
    SELF_SIGNED = 18
    OF_ANOTHER_HOST = 62
    OF_ANOTHER_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Handshake:
    expires_s: float
    protocol: str | None
    version: str | None


async def examine_tls(url: str, context: ssl.SSLContext) -> list[Observation]:
    """Nothing for plain HTTP. A fault among the findings ends the examination."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return []
    try:
        done = await asyncio.to_thread(_shake, parts.hostname, parts.port or 443, context)
    except ssl.SSLCertVerificationError as exc:
        return [_untrusted(exc)]
    except ssl.SSLError as exc:
        if exc.reason == PLAIN:
            sentence = f"{url} speaks HTTP without TLS"
            return [fault("tls-off", f"{sentence}: ask http://{parts.netloc}, or give it TLS")]
        if exc.reason in OLD:
            return [fault("tls-old", f"browsers need TLS 1.2 or 1.3, {parts.hostname} has neither")]
        return [fault("", f"no TLS connection to {parts.hostname}: {exc.reason}")]
    except OSError as exc:
        return [fault("", f"no TLS connection to {parts.hostname}: {exc}")]
    return [*_certificate(done), *_protocol(done)]


def _untrusted(exc: ssl.SSLCertVerificationError) -> Observation:
    sentence = f"browsers do not trust the certificate: {exc.verify_message}"
    sentence = f"{sentence}; --insecure goes on all the same"
    match exc.verify_code:
        case CertificateError.ENDED:
            return fault("certificate-ended", sentence)
        case CertificateError.OF_ANOTHER_HOST | CertificateError.OF_ANOTHER_ADDRESS:
            return fault("certificate-name", sentence)
        case CertificateError.SELF_SIGNED:
            return fault("certificate-own", sentence)
    return fault("certificate", sentence)


def _shake(host: str, port: int, context: ssl.SSLContext) -> Handshake:
    """Blocks for the handshake. Raises: OSError."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((host, port), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        shown = tls.getpeercert() or {}
        until = str(shown["notAfter"]) if "notAfter" in shown else ""
        expires_s = ssl.cert_time_to_seconds(until) if until else 0.0
        return Handshake(expires_s, tls.selected_alpn_protocol(), tls.version())


def _certificate(done: Handshake) -> list[Observation]:
    if not done.expires_s:
        return [remark("the certificate was not looked at (--insecure)")]
    days = (done.expires_s - time.time()) / DAY_S
    if days < SOON_DAYS:
        return [remark(f"the certificate ends in {days:.0f} days: its renewal does not work")]
    return [ok(f"the certificate is trusted, for {days:.0f} days more")]


def _protocol(done: Handshake) -> list[Observation]:
    if done.protocol == "h2":
        return [ok(f"HTTP/2 over {done.version}")]
    sentence = "no HTTP/2: a browser opens six connections, and the seventh tab of a course hangs"
    return [remark(sentence, "no-http2")]
