"""Disclosure control of quality: which groups are withheld, so that nobody's playing shows. Pure.

A group of fewer than `FEWEST_VIEWERS` is withheld. The groups of a grouping add up to that of all,
so where the withheld ones together have as few viewers, subtracting the others from the whole would
give their figures: the smallest of the others is withheld as well. Answers for different periods,
or for a course and its videos, are not compared (`docs/analytics.md`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from db.insight.quality import QualityGroup

FEWEST_VIEWERS = 5

Withheld = Literal["too-few", "others-too-few"]
Shown = tuple[QualityGroup, Withheld | None]


def disclosed(groups: Iterable[QualityGroup]) -> list[Shown]:
    """Returns each group with the reason to withhold it; None where it may be shown."""
    by_grouping: dict[str | None, list[QualityGroup]] = defaultdict(list)
    for group in groups:
        by_grouping[group.grouping].append(group)
    return [shown for grouped in by_grouping.values() for shown in _disclosed(grouped)]


def _disclosed(groups: Sequence[QualityGroup]) -> list[Shown]:
    has_few = {id(group) for group in groups if _has_few(group)}
    others = [group for group in groups if id(group) not in has_few]
    cover = None
    if has_few and others and others[0].few_viewers < FEWEST_VIEWERS:
        cover = min(others, key=lambda group: (group.viewers, str(group.value)))
    return [(group, _reason(id(group) in has_few, group is cover)) for group in groups]


def _reason(has_few: bool, is_cover: bool) -> Withheld | None:
    if has_few:
        return "too-few"
    return "others-too-few" if is_cover else None


def _has_few(group: QualityGroup) -> bool:
    return group.figures.sessions > 0 and group.viewers < FEWEST_VIEWERS
