"""Object stores of a test's own, on ports of their own: moto's server and s3rver.

Two implementations by different hands: moto knows nearly all of S3 but lets everybody in; s3rver
knows who may, but neither `If-Match`, checksums nor single parts of an object.
"""

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from tests.harness.running import wait_for

S3RVER = "s3rver@3.7.1"
BUCKET = "lectures"
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "S3RVER",
    "AWS_SECRET_ACCESS_KEY": "S3RVER",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
TIMEOUT_S = 20.0
before_both = pytest.mark.parametrize("store", ["moto", "s3rver"], indirect=True)
_NO_TRAILERS = Config(request_checksum_calculation="when_required")
_LISTENING = re.compile(r"^S3rver listening on (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class ObjectStore:
    """`checksum` is what it tells of an object put in one piece, in the words of reports."""

    endpoint_url: str
    client: Any
    empty: Callable[[], None]
    checksum: str
    knows_if_match: bool

    def put(self, key: str, content: bytes, **options: Any) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content, **options)

    def put_in_parts(self, key: str, content: bytes, *sizes_bytes: int) -> None:
        """The last of the sizes as often as the content lasts."""
        upload = self.client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        named = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        parts = []
        for number, body in enumerate(_cut(content, sizes_bytes), 1):
            answer = self.client.upload_part(**named, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def reset(self) -> None:
        """As it was at first: empty, with one bucket."""
        self.empty()
        self.client.create_bucket(Bucket=BUCKET)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """moto's. Credentials for it are in the environment as long as it is there."""
    # It logs between tests, too, when the stream it would write to may be that of a past one.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint_url = f"http://{host}:{port}"
        with _credentials(), closing(boto3.client("s3", endpoint_url=endpoint_url)) as client:
            yield ObjectStore(endpoint_url, client, s3_backends.reset, "crc32", True)
    finally:
        server.stop()


@contextmanager
def s3rver_store(node_modules: Path, directory: Path) -> Iterator[ObjectStore]:
    """s3rver's, likewise; what it holds lies in the directory."""
    output, held = directory / "s3rver.log", directory / "store"
    program = str(node_modules / "s3rver" / "bin" / "s3rver.js")
    command = ["node", program, "-d", str(held), "-a", "127.0.0.1", "-p", "0", "--silent"]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        found = wait_for(lambda: _LISTENING.search(output.read_text()), "s3rver", TIMEOUT_S)
        endpoint_url = f"http://{found[1]}"
        with (
            _credentials(),
            closing(boto3.client("s3", endpoint_url=endpoint_url, config=_NO_TRAILERS)) as client,
        ):
            empty = partial(shutil.rmtree, held / BUCKET, ignore_errors=True)
            yield ObjectStore(endpoint_url, client, empty, "etag", False)
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


@contextmanager
def _credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


def _cut(content: bytes, sizes_bytes: tuple[int, ...]) -> Iterator[bytes]:
    sizes, position = list(sizes_bytes), 0
    while position < len(content):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        yield content[position : position + size]
        position += size
