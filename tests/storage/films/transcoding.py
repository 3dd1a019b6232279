"""Transcodes clips and reads the results."""

from pathlib import Path

import av

from storage.containers.sniff import sniff_file
from storage.conversion.transcode import transcode
from storage.formats import Container
from storage.media.facts import MediaLimits

MANY_PIXELS = 10**8
IN_STEP_S = 0.05


class Workbench:
    """Transcodes into `target`."""

    def __init__(self, target: Path, limits: MediaLimits) -> None:
        self.target = target
        self.limits = limits
        self.told: list[float] = []

    def make(
        self,
        source: Path,
        *targets: Container,
        duration_s: float = 1.0,
        max_pixels: int = MANY_PIXELS,
    ) -> Container:
        wanted = list(targets) or ["mp4", "webm"]
        return transcode(
            source,
            sniff_file(source),
            self.target,
            wanted,
            duration_s,
            max_pixels,
            self.told.append,
        )


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as media:
        return [frame.time for frame in media.decode(video=0)]


def packets_of(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as media:
        return [bytes(packet) for packet in media.demux(**{kind: 0}) if packet.size]
