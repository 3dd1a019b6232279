"""Byte ranges, validators and headers of a video, as players ask for them."""

from aiohttp import hdrs

from server.doctor.checks.astray import astray, is_limited
from server.doctor.client import SeenReply
from server.doctor.findings import Observation, fault, ok
from server.doctor.installation import Installation, SampleVideo

PIECE_BYTES = 4096
COMPRESSING = "gzip, deflate, br, zstd"
STALE = '"another file"'


async def examine_ranges(inst: Installation) -> list[Observation]:
    """Examines both addresses: by token, as services fetch, and by grant, as players do."""
    video = inst.video
    assert video is not None
    found = []
    for path in (video.bearer_path, video.media_url):
        found += await RangeChecks(inst, video, path).all()
    unique = list(dict.fromkeys(found))
    return unique or [
        ok(
            "ranges: first bytes (Safari), the middle, the end, If-Range, HEAD and 416 are right,"
            " nothing compressed"
        )
    ]


class RangeChecks:
    """The requests to one address; findings are faults alone."""

    def __init__(self, inst: Installation, video: SampleVideo, path: str) -> None:
        self._inst, self._path = inst, path
        self._size_bytes = video.size_bytes
        self._is_grant = path != video.bearer_path
        self._name = "/play/" if self._is_grant else "/api/v1/videos/.../stream"

    async def all(self) -> list[Observation]:
        head = await self._ask(method="HEAD")
        if head.status != 200:
            asked = f"HEAD {self._name}, an address that the service just gave"
            return [astray(head, asked, self._inst)]
        whole = await self._ask(**{hdrs.ACCEPT_ENCODING: COMPRESSING})
        found = [*self._headers(head), *self._whole(whole)]
        ranged = await self._ranges()
        found += ranged
        if not ranged and (etag := head.headers.get(hdrs.ETAG, "")).startswith('"'):
            found += await self._conditions(etag)
        return found

    async def _ask(self, method: str = "GET", **headers: str) -> SeenReply:
        # httpx, browsers and CDNs differ in what they accept; ours say it only where it matters.
        return await self._inst.client.ask(
            method,
            self._path,
            most_bytes=PIECE_BYTES,
            headers=headers,
            is_anonymous=self._is_grant,
        )

    def _headers(self, head: SeenReply) -> list[Observation]:
        """Examines the fields that the service always sends."""
        etag = head.headers.get(hdrs.ETAG)
        found = []
        kind = head.headers.get(hdrs.CONTENT_TYPE, "no type")
        if not kind.startswith(("video/", "audio/")):
            sentence = f"{self._name}: Content-Type is {kind}, changed {self._inst.behind}"
            found.append(fault("response-header-lost", f"{sentence}: browsers do not play it"))
        if etag is None or etag.startswith("W/"):
            said = "is missing" if etag is None else "is made weak"
            found.append(fault("validator-lost", f"{self._name}: ETag {said} {self._inst.behind}"))
        wanted = {
            hdrs.ACCEPT_RANGES: "bytes",
            hdrs.CACHE_CONTROL: "private",
            "X-Content-Type-Options": "nosniff",
        }
        if self._is_grant:
            wanted["Referrer-Policy"] = "no-referrer"
        lost = [name for name, text in wanted.items() if text not in head.headers.get(name, "")]
        if lost:
            sentence = f"{self._name}: {', '.join(lost)} changed or lost {self._inst.behind}"
            found.append(fault("response-header-lost", sentence))
        return found

    def _whole(self, whole: SeenReply) -> list[Observation]:
        if encoding := whole.headers.get(hdrs.CONTENT_ENCODING):
            sentence = f"{self._name}: the video is compressed ({encoding}) {self._inst.behind}"
            return [fault("compressed", f"{sentence}: players cannot seek in it")]
        if whole.status == 200 and hdrs.CONTENT_LENGTH not in whole.headers:
            sentence = f"{self._name}: Content-Length is lost {self._inst.behind}"
            return [fault("response-header-lost", sentence)]
        return []

    async def _ranges(self) -> list[Observation]:
        size, middle = self._size_bytes, self._size_bytes // 2
        known: dict[int, int] = {}
        for start, stop, field in (
            (0, 2, "bytes=0-1"),
            (middle, min(size, middle + PIECE_BYTES), f"bytes={middle}-{middle + PIECE_BYTES - 1}"),
            (size - 500, size, "bytes=-500"),
            (middle + 7, min(size, middle + 1007), f"bytes={middle + 7}-{middle + 1006}"),
        ):
            reply = await self._ask(**{hdrs.RANGE: field})
            if (wrong := self._wrong_range(reply, max(start, 0), stop, field)) is not None:
                return [wrong]
            now = dict(enumerate(reply.body, max(start, 0)))
            if any(known.get(place, byte) != byte for place, byte in now.items()):
                sentence = f"{self._name}: {field} has other bytes than a range before"
                return [fault("range-lost", sentence)]
            known |= now
        return await self._past_end()

    def _wrong_range(
        self, reply: SeenReply, start: int, stop: int, field: str
    ) -> Observation | None:
        wanted = f"bytes {start}-{stop - 1}/{self._size_bytes}"
        said = reply.headers.get(hdrs.CONTENT_RANGE, "no Content-Range")
        if (reply.status, said, len(reply.body)) == (206, wanted, stop - start):
            return None
        if is_limited(reply):
            return astray(reply, f"GET {self._name}, {field}", self._inst)
        got = f"{reply.status} and {said}, {len(reply.body)} bytes, instead of 206 and {wanted}"
        who = "" if reply.is_of_service else f", by {reply.hop}"
        sentence = f"{self._name}: {field} is answered {got}{who}; lost {self._inst.behind}"
        return fault("range-lost", f"{sentence}. Safari does not play, nobody can seek")

    async def _past_end(self) -> list[Observation]:
        reply = await self._ask(**{hdrs.RANGE: f"bytes={self._size_bytes}-"})
        said = reply.headers.get(hdrs.CONTENT_RANGE, "no Content-Range")
        if (reply.status, said) == (416, f"bytes */{self._size_bytes}"):
            return []
        if not reply.is_of_service:
            sentence = (
                f"{self._name}: {reply.hop} replaces the {reply.status} of a range past the end"
            )
            return [fault("errors-replaced", f"{sentence}: its Content-Range is lost")]
        sentence = f"{self._name}: a range past the end is answered {reply.status} and {said}"
        return [fault("range-lost", f"{sentence} {self._inst.behind}")]

    async def _conditions(self, etag: str) -> list[Observation]:
        for tag, status in ((etag, 206), (STALE, 200)):
            reply = await self._ask(**{hdrs.RANGE: "bytes=0-1", hdrs.IF_RANGE: tag})
            if reply.status != status:
                said = f"If-Range {tag} is answered {reply.status} instead of {status}"
                sentence = f"{self._name}: {said}; it is lost {self._inst.behind}"
                return [fault("if-range-lost", sentence)]
        reply = await self._ask(**{hdrs.IF_NONE_MATCH: etag})
        if reply.status == 304:
            return []
        sentence = f"{self._name}: If-None-Match is answered {reply.status} instead of 304"
        return [fault("validator-lost", f"{sentence} {self._inst.behind}")]
