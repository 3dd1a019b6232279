"""The shares of nginx as bars, from a report's JSON: `python -m benchmarks.plot results.json`."""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.measurement.workloads import WORKLOADS
from benchmarks.servers.contenders import NGINX


def draw(results: dict[str, Any], stem: Path) -> list[Path]:
    """PNG and SVG beside each other."""
    shares = {
        name: found
        for name, found in results["shares"].items()
        if found and not WORKLOADS[name].is_paced
    }
    figure = Figure(figsize=(max(6, 2.2 * len(shares)), 5), layout="constrained")
    axes = figure.subplots()
    contenders = sorted({name for found in shares.values() for name in found} - {NGINX})
    width = 0.85 / max(1, len(contenders))
    for place, contender in enumerate(contenders):
        _draw_bars(axes, shares, contender, (place - len(contenders) / 2 + 0.5) * width, width)
    axes.axhline(1.0, color="black", linewidth=0.8, label=NGINX)
    axes.set_xticks(range(len(shares)), [results["titles"][name] for name in shares])
    axes.set_ylabel("bytes a second, nginx = 1")
    machine = results["machine"]
    axes.set_title(f"{machine['cpu']}, {machine['kernel']}, {machine['date']}", fontsize="small")
    axes.legend(fontsize="small", ncols=2)
    files = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    for file in files:
        figure.savefig(file)
    return files


def _draw_bars(
    axes: Any, shares: dict[str, Any], contender: str, shift: float, width: float
) -> None:
    found = [(n, one[contender]) for n, one in enumerate(shares.values()) if contender in one]
    medians = [one["median"] for _, one in found]
    below = [one["median"] - one["low"] for _, one in found]
    above = [one["high"] - one["median"] for _, one in found]
    places = [n + shift for n, _ in found]
    axes.bar(places, medians, width, yerr=[below, above], label=contender, error_kw={"lw": 0.7})


def main() -> None:
    file = Path(sys.argv[1])
    for drawn in draw(json.loads(file.read_text()), file):
        print(f"drawn: {drawn}")


if __name__ == "__main__":
    main()
