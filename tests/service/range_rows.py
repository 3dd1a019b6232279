"""Range fields and their answers, for a file of kilobytes: `<N>` is its size, `<L>` its last byte.

What a Range means is told case by case by the table of `ranges.py`; these are what clients send.
"""

import re

import pytest

ONE_RANGE = [
    pytest.param("bytes=0-0", 0, 1, id="the first byte"),
    pytest.param("bytes=0-1", 0, 2, id="Safari asks for two"),
    pytest.param("bytes=<L>-<L>", -1, None, id="the last byte"),
    pytest.param("bytes=500-999", 500, 1000, id="in the middle"),
    pytest.param("bytes=0-", 0, None, id="Chromium asks for all from 0"),
    pytest.param("bytes=500-", 500, None, id="open"),
    pytest.param("bytes=<L>-", -1, None, id="open at the last byte"),
    pytest.param("bytes=-1", -1, None, id="suffix of one"),
    pytest.param("bytes=-500", -500, None, id="suffix"),
    pytest.param("bytes=-<N>", 0, None, id="suffix of all"),
    pytest.param("bytes=-<N+1>", 0, None, id="suffix longer than the file"),
    pytest.param("bytes=0-<L>", 0, None, id="all of it"),
    pytest.param("bytes=0-<N>", 0, None, id="last byte one past the end"),
    pytest.param("bytes=500-99999999999999999999", 500, None, id="last byte far past the end"),
    pytest.param(f"bytes=500-{'9' * 3000}", 500, None, id="3,000 digits"),
    pytest.param(f"bytes={'0' * 3000}7-9", 7, 10, id="3,000 zeros"),
    pytest.param("BYTES=0-1", 0, 2, id="the unit in capitals"),
    pytest.param("bytes= \t0-1 \t", 0, 2, id="white space around it"),
    pytest.param("bytes=,0-1,", 0, 2, id="empty elements"),
    pytest.param("bytes=0-9,10-19", 0, 20, id="two that touch"),
    pytest.param("bytes=10-19,0-9", 0, 20, id="two that touch, the later first"),
    pytest.param("bytes=0-9,5-19", 0, 20, id="two that overlap"),
    pytest.param("bytes=0-9,3-5", 0, 10, id="one inside the other"),
    pytest.param("bytes=0-9,<N>-", 0, 10, id="one of two is satisfiable"),
    pytest.param("bytes=-0,0-9", 0, 10, id="an empty suffix beside it"),
]

SEVERAL_RANGES = [
    pytest.param("bytes=0-9,20-29", [(0, 10), (20, 30)], id="two"),
    pytest.param("bytes=20-29,0-9", [(20, 30), (0, 10)], id="in the order asked"),
    pytest.param("bytes=0-0,2-2", [(0, 1), (2, 3)], id="one byte between them"),
    pytest.param("bytes=0-9,-10", [(0, 10), (-10, None)], id="both ends"),
    pytest.param(
        "bytes=0-4,100-109,5-9", [(0, 10), (100, 110)], id="merged stands at its first place"
    ),
    pytest.param(
        "bytes=100-109,5-9,50-59,0-4",
        [(100, 110), (0, 10), (50, 60)],
        id="merged backwards stands at its first place",
    ),
    pytest.param("bytes=0-9,<N>-,20-29", [(0, 10), (20, 30)], id="an unsatisfiable between"),
    pytest.param("bytes= 0-9 ,\t,20-29, ", [(0, 10), (20, 30)], id="spaces, empty elements"),
    pytest.param(
        "bytes=" + ",".join(f"{n * 10}-{n * 10}" for n in range(16)),
        [(n * 10, n * 10 + 1) for n in range(16)],
        id="sixteen",
    ),
]

IGNORED = [
    pytest.param(["Range: bytes=5-4"], id="last before first"),
    pytest.param(["Range: bytes=abc"], id="no numbers"),
    pytest.param(["Range: bytes=-"], id="neither end"),
    pytest.param(["Range: bytes="], id="no range"),
    pytest.param(["Range: bytes=,"], id="empty elements alone"),
    pytest.param(["Range: bytes"], id="the unit alone"),
    pytest.param(["Range: "], id="empty"),
    pytest.param(["Range: 0-5"], id="no unit"),
    pytest.param(["Range: items=0-5"], id="another unit"),
    pytest.param(["Range: bytes =0-5"], id="space before the equals sign"),
    pytest.param(["Range: bytes=0 -5"], id="space inside"),
    pytest.param(["Range: bytes=+0-5"], id="a sign"),
    pytest.param(["Range: bytes=0x0-0x5"], id="hexadecimal"),
    pytest.param(["Range: bytes=0-5;6-7"], id="a semicolon"),
    pytest.param(["Range: bytes=--5"], id="two minus signs"),
    pytest.param(["Range: bytes=0-5,x"], id="one malformed voids all"),
    pytest.param(["Range: bytes=0-5,9-8"], id="one reversed voids all"),
    pytest.param(["Range: bytes=<N>-,9-8"], id="unsatisfiable and malformed"),
    pytest.param(["Range: bytes=0-5", "Range: bytes=0-5"], id="two lines make no list"),
    pytest.param(
        ["Range: bytes=" + ",".join(f"{n * 10}-{n * 10}" for n in range(17))], id="seventeen"
    ),
    pytest.param(["Range: bytes=0-,0-0"], id="more than the file has"),
    pytest.param(["Range: bytes=0-<N>,0-"], id="twice the file"),
    pytest.param(["Range: bytes=" + " " * 4096 + "0-1"], id="too long"),
    pytest.param(["Range: bytes=0-1", 'If-Range: "other"'], id="If-Range of another"),
    pytest.param(["Range: bytes=0-1", "If-Range: nonsense"], id="If-Range of no form"),
    pytest.param(
        ["Range: bytes=0-1", "If-Range: Fri, 01 Jan 2100 00:00:00 GMT"],
        id="If-Range of a later date",
    ),
]

UNSATISFIABLE = [
    pytest.param("bytes=<N>-", id="at the end"),
    pytest.param("bytes=<N>-<N+1>", id="past the end"),
    pytest.param("bytes=-0", id="the last none"),
    pytest.param("bytes=-0,<N>-", id="each of two"),
    pytest.param(f"bytes={'9' * 3000}-", id="3,000 digits"),
]


def filled(text: str, size: int) -> str:
    """Puts places that depend on the size of the file into a row."""
    sizes = {"N+1": size + 1, "N": size, "L-1": size - 2, "L": size - 1}
    return re.sub(r"<(.*?)>", lambda match: str(sizes[match[1]]), text)
