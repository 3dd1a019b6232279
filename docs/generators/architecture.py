"""The picture of the architecture, drawn as SVG text."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

WIDTH_PX, HEIGHT_PX = 960, 690
STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #1b1f24; text-anchor: middle; }
.title { font-weight: 600; }
.small { font-size: 12px; fill: #57606a; }
.box { fill: #ffffff; stroke: #57606a; stroke-width: 1.5; }
.group { fill: #eef4fb; stroke: #8aa4c0; stroke-width: 1.5; }
.store { fill: #fdf6e3; stroke: #a08040; stroke-width: 1.5; }
.arrow { stroke: #0b5cad; stroke-width: 2; fill: none; marker-end: url(#head); }
.label { font-size: 12px; fill: #0b5cad; }
"""
HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" role="img">
<title>Architecture of coursestream</title>
<style>
{STYLE}</style>
<defs>
<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0L10 5L0 10z" fill="#0b5cad"/></marker>
</defs>
<rect width="{WIDTH_PX}" height="{HEIGHT_PX}" fill="#ffffff"/>
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a title and further lines below it."""

    left: int
    top: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    kind: str = "box"


@dataclass(frozen=True, slots=True)
class Arrow:
    """A straight line from one point to another; the label stands centred at `label_at`."""

    start: tuple[int, int]
    end: tuple[int, int]
    label: str = ""
    label_at: tuple[int, int] = (0, 0)


BOXES = (
    Box(40, 20, 250, 60, "Browser", ("player, upload page, live view",)),
    Box(330, 20, 250, 60, "Other services", ("Course Service, transcription, search",)),
    Box(660, 20, 260, 60, "Prometheus", ("scrapes metrics",)),
    Box(40, 150, 540, 300, "web process (one or more)", ("server/ composes the rest",), "group"),
    Box(
        *(60, 205, 500, 60, "handlers/"),
        ("access, connection, delivery, playback, uploads, progress, event_stream",),
    ),
    Box(60, 290, 500, 60, "events/", ("log, stream, progress, media, upkeep, takeover",)),
    Box(60, 375, 240, 60, "storage/", ("media, pictures, captions, sandbox",)),
    Box(320, 375, 240, 60, "db/", ("SQL: log, progress, upkeep, takeover",)),
    Box(660, 150, 260, 300, "media worker", ("the same code without HTTP",), "group"),
    Box(680, 205, 220, 60, "pipeline", ("probe, remux, convert, hash",)),
    Box(680, 375, 220, 60, "sandboxed child", ("FFmpeg and Pillow; no network",)),
    Box(320, 510, 450, 60, "PostgreSQL", ("rows, event log, job queue",), "store"),
    Box(40, 610, 880, 60, "Disk", ("videos, pictures, unfinished uploads",), "store"),
)
ARROWS = (
    Arrow((90, 80), (90, 205), "requests", (125, 110)),
    Arrow((190, 205), (190, 80), "bytes, events (SSE)", (252, 138)),
    Arrow((500, 80), (500, 205), "ranges, API calls", (445, 125)),
    Arrow((660, 70), (560, 215), "/metrics", (660, 130)),
    Arrow((310, 265), (310, 290)),
    Arrow((180, 350), (180, 375)),
    Arrow((440, 350), (440, 375)),
    Arrow((180, 435), (180, 610), "fsync, rename, sendfile", (258, 595)),
    Arrow((380, 435), (380, 510), "transactions", (338, 490)),
    Arrow((500, 510), (500, 435), "log tail (LISTEN)", (555, 490)),
    Arrow((720, 510), (720, 450), "jobs", (742, 490)),
    Arrow((790, 265), (790, 375), "one child per step", (848, 325)),
    Arrow((860, 435), (860, 610), "new files", (830, 595)),
)


def draw() -> str:
    return "".join([HEAD, *map(_box, BOXES), *map(_arrow, ARROWS), "</svg>\n"])


def _box(box: Box) -> str:
    middle = box.left + box.width // 2
    return "".join(
        [
            f'<rect class="{box.kind}" x="{box.left}" y="{box.top}" width="{box.width}"'
            f' height="{box.height}" rx="6"/>\n',
            _text(middle, box.top + 24, box.title, "title"),
            *_lines(box, middle),
        ]
    )


def _lines(box: Box, middle: int) -> Iterator[str]:
    for number, line in enumerate(box.lines):
        yield _text(middle, box.top + 44 + 18 * number, line, "small")


def _arrow(arrow: Arrow) -> str:
    (x1, y1), (x2, y2) = arrow.start, arrow.end
    line = f'<path class="arrow" d="M{x1} {y1}L{x2} {y2}"/>\n'
    return line + (_text(*arrow.label_at, arrow.label, "label") if arrow.label else "")


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>\n'
