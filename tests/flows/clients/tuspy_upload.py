"""Uploads a file by tuspy, and goes on where an earlier process of this was stopped.

Arguments: URL TOKEN FILE STORAGE, the last one a file that remembers the upload's address.
"""

import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

CHUNK_BYTES = 256 * 1024


def main() -> None:
    url, token, file, storage = sys.argv[1:]
    client = TusClient(url, headers={"Authorization": f"Bearer {token}"})
    client.uploader(
        file,
        chunk_size=CHUNK_BYTES,
        metadata={"module_id": "m1", "filename": "lecture.mp4"},
        store_url=True,
        url_storage=FileStorage(storage),
        upload_checksum=True,
    ).upload()


main()
