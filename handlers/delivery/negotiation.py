"""Content negotiation by `Accept` (RFC 9110 section 12.5.1).

Pure. Parameters other than the weight are not compared: a player that names other codecs still
means the container.
"""

import re
from collections.abc import Collection, Sequence

MAX_ACCEPT_LENGTH = 4 * 1024

# One element of the list; commas and semicolons inside quotes do not end it.
# A quotation that never ends goes to the end of the text: looking for its end at each quotation
# mark anew took a tenth of a second. The possessive `*+` gives nothing back for the same reason; a
# group has none, which CPython before 3.11.5 matches wrongly where the group fails within.
_QUOTATION = r'"[^"\\]*+(?:\\.[^"\\]*+)*(?:"|\\?\Z)'
_ELEMENT = re.compile(rf'(?:[^,"]|{_QUOTATION})+')
_QUOTED = re.compile(_QUOTATION)
_WEIGHT = re.compile(r";[ \t]*q[ \t]*=[ \t]*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*(?:;|\Z)", re.I)
_RANGE = re.compile(r"[ \t]*([\w!#$&^.+*-]+)/([\w!#$&^.+*-]+)[ \t]*(?:;|\Z)")


def choose(
    accept: str | None, offers: Sequence[str], better_if_named: Collection[str] = ()
) -> int | None:
    """The index of the best offer, the first one in a tie; None when none is acceptable.

    `offers` are media types without parameters, in the server's order of preference. No header,
    or one that is no list of media ranges, accepts everything. An offer that is `better_if_named`
    wins a tie where the client names it: a wildcard is no promise to understand new formats.
    """
    ranges = _parse(accept)
    if not ranges:
        return 0 if offers else None
    named = {f"{kind}/{subtype}" for kind, subtype, _ in ranges}.intersection(better_if_named)
    ranks = [(_weight(offer, ranges), offer in named) for offer in offers]
    best = max(ranks, default=(0.0, False))
    return ranks.index(best) if best[0] > 0 else None


def _parse(accept: str | None) -> list[tuple[str, str, float]]:
    if accept is None or len(accept) > MAX_ACCEPT_LENGTH:
        return []
    found = []
    for element in _ELEMENT.findall(accept):
        match = _RANGE.match(element)
        if match:
            weight = _WEIGHT.search(_QUOTED.sub("", element))
            found.append((match[1].lower(), match[2].lower(), float(weight[1]) if weight else 1.0))
    return found


def _weight(offer: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """The weight of the most specific range that matches, 0 when none does."""
    kind, subtype = offer.split("/")
    for wanted in ((kind, subtype), (kind, "*"), ("*", "*")):
        weights = [weight for *media_range, weight in ranges if tuple(media_range) == wanted]
        if weights:
            return max(weights)
    return 0.0
