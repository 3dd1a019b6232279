"""Pictures that Chromium's Media Source Extensions show of assembled files, by their numbers."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page

from storage.fragments.assembly import read_assembled

_SHOW = """async ([parts, type, numbers, rate]) => {
    const next = (target, event) => new Promise((resolve, reject) => {
        target.addEventListener(event, resolve, { once: true })
        setTimeout(() => reject(new Error(`no ${event}`)), 10000)
    })
    const video = document.createElement('video')
    const source = new MediaSource()
    const opened = next(source, 'sourceopen')
    video.src = URL.createObjectURL(source)
    document.body.append(video)
    await opened
    const buffer = source.addSourceBuffer(type)
    const loaded = next(video, 'loadeddata')
    for (const part of parts) {
        const ended = next(buffer, 'updateend')
        buffer.appendBuffer(Uint8Array.from(atob(part), (one) => one.charCodeAt(0)))
        await ended
    }
    source.endOfStream()
    await loaded
    const canvas = document.createElement('canvas')
    canvas.width = 64
    canvas.height = 48
    const context = canvas.getContext('2d', { willReadFrequently: true })
    const shown = []
    for (const number of numbers) {
        const drawn = new Promise((resolve) => video.requestVideoFrameCallback(resolve))
        const sought = next(video, 'seeked')
        video.currentTime = (number + 0.5) / rate
        await sought
        await drawn
        context.drawImage(video, 0, 0, 64, 48)
        const row = context.getImageData(0, 24, 64, 1).data
        let found = 0
        for (let bit = 0; bit < 8; bit++) found = found * 2 + (row[(bit * 8 + 4) * 4] > 128)
        shown.push(found)
    }
    const { buffered, duration } = video
    return { shown, duration, buffered: [buffered.length, buffered.start(0), buffered.end(0)] }
}"""


@dataclass(frozen=True)
class Shown:
    """Pixels shown in the middle of each picture's time, and the ranges buffered."""

    shown: list[int]
    duration: float
    buffered: list[float]
    """The number of ranges; the first one's beginning and end."""


def read_parts(path: Path, segments: Iterable[int]) -> list[bytes]:
    """The initialization and then these segments."""
    file, content = read_assembled(path), path.read_bytes()
    media = [file.fragments[number] for number in segments]
    return [
        content[: file.initialization_size],
        *(content[one.offset : one.offset + one.size] for one in media),
    ]


async def show_numbers(
    page: Page, parts: Iterable[bytes], codecs: str, numbers: Sequence[int], rate: int
) -> Shown:
    """Appends the parts and seeks to each of `numbers`, at `rate` pictures a second."""
    encoded = [base64.b64encode(part).decode() for part in parts]
    kind = f'video/mp4; codecs="{codecs}"'
    return Shown(**await page.evaluate(_SHOW, [encoded, kind, [*numbers], rate]))
