"""Uploads made to be expensive to read: the web process reads none of them itself.

CPU time of this process is measured, which is the same on a busy machine; children have their own.
"""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from handlers import keys
from server.resources import PROBES_AT_ONCE
from storage.captions import cue_text, subtitles
from storage.containers import box_lengths, element_lengths, sniff
from tests.handlers.uploads.uploading import is_nothing_left, sending

# EBML header of WebM, then a segment of unknown size.
WEBM = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01" + b"\xff" * 7
EMPTY_ELEMENTS = WEBM + b"\xec\x80" * 2_100_000
EMPTY_BOXES = b"\0\0\0\x10ftypisom\0\0\2\0" + b"\0\0\0\x08free" * 700_000
CUE = "00:00:00.000 --> 00:01:00.000\n"
TAGS = ("WEBVTT\n\n" + (CUE + "<b>" * 600 + "x\n\n") * 500).encode()
VTT = {"Content-Type": "text/vtt"}


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process nothing of an upload may be read; its children are others."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("uploaded content is read in the web process")

    monkeypatch.setattr(sniff, "sniff", refuse)
    monkeypatch.setattr(element_lengths, "parse_element", refuse)
    monkeypatch.setattr(box_lengths, "iterate_top_level", refuse)
    monkeypatch.setattr(subtitles, "_lines", refuse)
    monkeypatch.setattr(cue_text, "_Markup", refuse)


async def test_web_process_reads_no_film(service: Any, webm: Path, unread: None) -> None:
    await service.upload(webm)


async def test_web_process_reads_no_captions(service: Any, unread: None) -> None:
    video_id = await service.video_row(status="ready")

    for path in ("captions/en", "chapters"):
        sent = {"data": (CUE + "Hello\n").encode(), "headers": VTT}
        assert (await service.ask("tess", "PUT", f"videos/{video_id}/{path}", **sent)).said == "201"


@pytest.mark.parametrize("bomb", [EMPTY_ELEMENTS, EMPTY_BOXES], ids=["elements", "boxes"])
async def test_millions_of_empty_elements_are_too_complex(service: Any, bomb: bytes) -> None:
    async with sending(service, len(bomb)) as upload:
        began_s = time.process_time()
        await upload.send(bomb)
        answer = await upload.end()
        used_s = time.process_time() - began_s

    assert answer.status == 422
    assert b"urn:coursestream:too-complex" in answer.body
    assert used_s < 2
    assert await is_nothing_left(service)


async def test_captions_of_tags_alone_cost_this_process_nothing(service: Any) -> None:
    path = f"videos/{await service.video_row(status='ready')}/captions/en"

    began_s = time.process_time()
    answer = await service.ask("tess", "PUT", path, data=TAGS, headers=VTT)

    assert answer.said == "201"
    assert time.process_time() - began_s < 0.5


async def test_line_at_fault_is_reported(service: Any) -> None:
    path = f"videos/{await service.video_row(status='ready')}/captions/en"

    answer = await service.ask("tess", "PUT", path, data=TAGS + b"00:01 -> 00:02\nx", headers=VTT)

    assert answer.said == "201"
    [warning] = answer.json["warnings"]
    assert warning["line"] == 1503


async def test_captions_do_not_queue_behind_films(service: Any) -> None:
    path = f"videos/{await service.video_row(status='ready')}/captions/en"
    async with AsyncExitStack() as films:
        for _ in range(PROBES_AT_ONCE):
            await films.enter_async_context(service.app[keys.SANDBOX]._pool._slot(None))

        sent = {"data": (CUE + "Hello\n").encode(), "headers": VTT}
        assert (await service.ask("tess", "PUT", path, **sent)).said == "201"
