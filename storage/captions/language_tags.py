"""Language tags (BCP 47) that may name captions, and their canonical spelling.

Pure. Source: RFC 5646 section 2.1, without subtags that captions are never named by: extended
languages (which have a language tag of their own), extensions, grandfathered tags. No registry is
consulted.
"""

import re

MAX_LENGTH = 35  # RFC 5646 section 4.4.1

_TAG = re.compile(
    r"(?:[a-z]{2,3}|[a-z]{5,8})"  # language
    r"(?:-[a-z]{4})?"  # script
    r"(?:-(?:[a-z]{2}|[0-9]{3}))?"  # region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-x(?:-[a-z0-9]{1,8})+)?"  # private use
)


def canonical_tag(tag: str) -> str | None:
    """The canonical spelling of a tag (RFC 5646 section 2.1.1); None for an invalid one."""
    lowered = tag.lower()
    if len(tag) > MAX_LENGTH or not tag.isascii() or not _TAG.fullmatch(lowered):
        return None
    public, private_use, names = lowered.partition("-x-")
    language, *others = public.split("-")
    return "-".join([language, *map(_fix_case, others)]) + private_use + names


def _fix_case(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.capitalize() if len(subtag) == 4 else subtag
