"""The least of S3: HEAD and ranged GET of the files in one directory, by sendfile.

A store that is faster than who fetches from it. It asks nobody who he is.
"""

import hashlib
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

LAST_MODIFIED = "Sun, 22 Nov 2026 00:00:00 GMT"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory: Path
    etags: dict[str, str]

    def do_HEAD(self) -> None:
        size_bytes = self._file().stat().st_size
        self._answer(200, size_bytes)

    def do_GET(self) -> None:
        with self._file().open("rb", buffering=0) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            start, stop = 0, size_bytes
            if asked := _RANGE.fullmatch(self.headers.get("Range", "")):
                start = int(asked[1])
                stop = min(int(asked[2] or size_bytes) + 1, size_bytes)
                told = f"bytes {start}-{stop - 1}/{size_bytes}"
                self._answer(206, stop - start, told)
            else:
                self._answer(200, size_bytes)
            while start < stop:
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, stop - start)

    def _file(self) -> Path:
        return self.directory / Path(urlsplit(self.path).path).name

    def _answer(self, status: int, length_bytes: int, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length_bytes))
        self.send_header("Last-Modified", LAST_MODIFIED)
        self.send_header("ETag", f'"{self.etags[self._file().name]}"')
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(directory: Path, port: int) -> None:
    Handler.directory = directory
    Handler.etags = {path.name: md5(path) for path in directory.iterdir()}
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


def md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
