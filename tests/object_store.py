"""moto's server: an S3 of a test's own, on a port of its own."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

BUCKET = "lectures"
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class ObjectStore:
    endpoint_url: str
    client: Any

    def put(self, key: str, content: bytes, **options: Any) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content, **options)

    def put_in_parts(self, key: str, content: bytes, part_bytes: int) -> None:
        upload = self.client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        named = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        parts = []
        for number, start in enumerate(range(0, len(content), part_bytes), 1):
            body = content[start : start + part_bytes]
            answer = self.client.upload_part(**named, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})

    def reset(self) -> None:
        """As it was at first: empty, with one bucket."""
        s3_backends.reset()
        self.client.create_bucket(Bucket=BUCKET)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Credentials for it are in the environment as long as it is there."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        # It logs between tests, too, when the stream it would write to may be that of a past one.
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            endpoint_url = f"http://{host}:{port}"
            with closing(boto3.client("s3", endpoint_url=endpoint_url)) as client:
                yield ObjectStore(endpoint_url, client)
        finally:
            server.stop()
