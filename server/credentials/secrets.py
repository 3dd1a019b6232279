"""Secrets that sign tokens and grants: configured, derived, or generated once into DATA_DIR.

The first process generates a secret, all others read it. Only the owner may read the files.
"""

import hashlib
import os
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.config.settings import Config
from server.config.values import MIN_SECRET_BYTES, Secret
from server.credentials.private_files import ReadableByOthers, require_private
from server.errors import OperatorError

JWT_SECRET_FILE = "jwt-secret"
GRANT_SECRET_FILE = "grant-secret"
GENERATED_BYTES = 32
FINGERPRINT_PURPOSE = "coursestream secrets, 1"
GRANT_PURPOSE = b"coursestream playback grants, 1"  # changing it ends every grant in use


class SecretFileError(OperatorError):
    """A stored secret cannot be read or created."""


def with_secrets(config: Config) -> Config:
    """Returns the configuration with its secrets: the grants', and the tokens' unless those are
    verified by a public key. Blocks briefly. Raises: SecretFileError."""
    jwt = config.jwt_secret
    if config.has_shared_secret:
        jwt = jwt or _kept(config.data_dir / JWT_SECRET_FILE)
    return replace(config, jwt_secret=jwt, grant_secret=_grant_secret(config))


def secrets_sha256(config: Config) -> str:
    """Returns a fingerprint of what signs and verifies tokens, grants and addresses at an edge, and
    of what edges fetch by; `config` has its secrets.

    The same as ever without an edge: while versions change, machines of both compare it. Blocks
    briefly.
    """
    key_file = config.jwt_public_key_file
    public_key = config.jwt_jwks_url or (key_file.read_text() if key_file else "")
    parts = [config.jwt_secret.reveal(), public_key, config.grant_secret.reveal()]
    if config.cdn_origin_secret is not None:
        parts.append(f"origin {config.cdn_origin_secret.reveal()}")
    if config.cdn_key_file is not None:
        key = config.cdn_key_file.read_bytes().rstrip(b"\r\n")
        parts.append(f"{config.cdn_signing} {key.hex()}")
    return hashlib.sha256("\0".join((FINGERPRINT_PURPOSE, *parts)).encode()).hexdigest()


def _grant_secret(config: Config) -> Secret:
    if config.grant_secret:
        return config.grant_secret
    if config.jwt_secret:
        return _derived(config.jwt_secret)
    return _kept(config.data_dir / GRANT_SECRET_FILE)


def _derived(secret: Secret) -> Secret:
    hkdf = HKDF(algorithm=SHA256(), length=GENERATED_BYTES, salt=None, info=GRANT_PURPOSE)
    return Secret(hkdf.derive(secret.reveal().encode()).hex())


def _kept(path: Path) -> Secret:
    """Reads or creates the secret; processes that create it concurrently all get the same one."""
    try:
        if not path.exists():
            _make(path)
        require_private(path)
        text = path.read_text().strip()
    except ReadableByOthers as exc:
        raise SecretFileError(str(exc)) from exc
    except (FileExistsError, NotADirectoryError) as exc:
        raise SecretFileError(f"{path.parent} is no directory") from exc
    except OSError as exc:
        raise SecretFileError(f"{path}: {exc.strerror}") from exc
    if len(text) < MIN_SECRET_BYTES:
        raise SecretFileError(f"{path} holds less than {MIN_SECRET_BYTES} bytes: remove it")
    return Secret(text)


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_hex(GENERATED_BYTES))
            file.flush()
            os.fsync(fd)
        # Linked, not renamed: the first process wins, and the file is complete when it appears.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
