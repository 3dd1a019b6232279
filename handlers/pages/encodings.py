"""Choice of a content coding (RFC 9110 section 12.5.3) for files stored compressed. Pure."""

import re

MAX_ACCEPT_LENGTH = 1024
# In the order that wins a tie; the suffix names the file beside the original.
ENCODINGS = {"br": ".br", "gzip": ".gz"}

_CODING = re.compile(
    r"[ \t]*+([a-z*-]++)[ \t]*+(?:;[ \t]*+q=([01](?:\.[0-9]{0,3})?)[ \t]*+)?\Z", re.I
)


def chosen_encoding(accept: str | None, offers: frozenset[str]) -> str | None:
    """Returns the best offered coding that the client accepts; None for the file as it is."""
    if accept is None or len(accept) > MAX_ACCEPT_LENGTH:
        return None
    weights = dict(filter(None, map(_parse, accept.split(","))))
    best = max(
        (name for name in ENCODINGS if name in offers),
        key=lambda name: _weight(weights, name),
        default=None,
    )
    return best if best is not None and _weight(weights, best) > 0 else None


def _parse(element: str) -> tuple[str, float] | None:
    match = _CODING.match(element)
    return (match[1].lower(), float(match[2] or 1)) if match else None


def _weight(weights: dict[str, float], name: str) -> float:
    return weights.get(name, weights.get("*", 0.0))
