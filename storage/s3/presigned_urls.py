"""Presigned S3 URLs, which are valid for a while without credentials; signed locally.

Credentials come from boto3's own search, which may query the machine's role over the network and
reads files: everything here blocks and is for threads. boto3 signs by HTTP method, so that HEAD has
a URL of its own (Amazon S3 User Guide, "Sharing objects with presigned URLs").
"""

from collections.abc import Mapping

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.s3.errors import S3SourceGone, S3SourceUnavailable
from storage.s3.locations import Location
from storage.s3.objects import Client, parse_refusal

TIMEOUT_S = 2  # a viewer waits
CONNECTIONS = 4
LONGEST_LIFE_S = 7 * 86400  # the maximum of AWS Signature Version 4
_METHODS: Mapping[str, str] = {"GET": "get_object", "HEAD": "head_object"}


def open_client(endpoint_url: str | None, region: str | None) -> Client:
    """Open a client for signing. Raises: S3SourceUnavailable."""
    config = Config(
        signature_version="s3v4",
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path" if endpoint_url else "virtual"},
    )
    try:
        session = boto3.Session(region_name=region)
        if session.get_credentials() is None:  # searched again next time: they may appear
            raise S3SourceUnavailable("no credentials for S3 were found")
        return session.client("s3", endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as exc:
        raise S3SourceUnavailable(str(exc)) from exc


def presign_url(
    client: Client, method: str, bucket: str, key: str, life_s: int, disposition: str | None
) -> str:
    """`disposition` is the Content-Disposition that S3 is to answer with.

    Raises: S3SourceUnavailable, without credentials.
    """
    named = {"Bucket": bucket, "Key": key}
    if disposition is not None:
        named["ResponseContentDisposition"] = disposition
    try:
        url: str = client.generate_presigned_url(
            _METHODS[method], Params=named, ExpiresIn=max(1, min(life_s, LONGEST_LIFE_S))
        )
    except BotoCoreError as exc:
        raise S3SourceUnavailable(str(exc)) from exc
    return url


def require_object(client: Client, bucket: str, key: str) -> None:
    """Send a HEAD for the object. Raises: S3SourceGone, S3SourceUnavailable."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as exc:
        is_gone = parse_refusal(Location(bucket, key), exc).state == "missing"
        raise (S3SourceGone if is_gone else S3SourceUnavailable)(str(exc)) from exc
    except BotoCoreError as exc:
        raise S3SourceUnavailable(str(exc)) from exc
