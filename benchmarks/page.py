"""All results of a directory on one page: `python -m benchmarks.page build/bench`, at the end."""

import re
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

NAME = "index.html"
TITLE = "Measured"
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)  # of an XML document
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}
pre {{ overflow-x: auto; font-size: 0.8rem; }}
svg {{ max-width: 100%; height: auto; background: white; }}
</style>
<h1>{title}</h1>
{parts}
</html>
"""


def page(directory: Path) -> str:
    """The text of each report, below it its plots; what began with the same word is together."""
    parts = [_part(text, _plots_of(text)) for text in _reports(directory)]
    return _PAGE.format(title=TITLE, parts="\n".join(parts))


def _reports(directory: Path) -> list[Path]:
    """Reports, that of the videos first."""
    return sorted(directory.glob("*.txt"), key=lambda file: (file.stem != "results", file.stem))


def _plots_of(text: Path) -> list[Path]:
    return sorted(text.parent.glob(f"{text.stem}*.svg"))


def _part(text: Path, plots: Iterable[Path]) -> str:
    drawings = (_PROLOGUE.sub("", plot.read_text(), count=1) for plot in plots)
    heading = f'<h2 id="{escape(text.stem)}">{escape(text.stem)}</h2>'
    return "\n".join([heading, *drawings, f"<pre>{escape(text.read_text())}</pre>"])


def main(directory: Path) -> int:
    if not _reports(directory):
        print(f"benchmarks: nothing was measured in {directory}", file=sys.stderr)
        return 2
    (directory / NAME).write_text(page(directory))
    print(f"written: {directory / NAME}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
