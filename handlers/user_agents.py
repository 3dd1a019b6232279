"""Kinds of device and families of browser, from the `User-Agent` that a client sends.

Read by `ua-parser`, whose families are folded into a few: figures are kept by them. Its matcher
takes time in proportion to the text, of which only the beginning is read; what it found is kept.
"""

from functools import cache, lru_cache
from typing import NamedTuple

from ua_parser import Domain, PartialResult
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

MOST_LETTERS = 256
REMEMBERED = 4096
OTHER = "other"

# Families by how they begin; of two that fit, the longer one.
BROWSERS = {
    "Chrome": "Chrome",
    "Chromium": "Chrome",
    "HeadlessChrome": "Chrome",
    "Edge": "Edge",
    "Firefox": "Firefox",
    "Mobile Safari": "Safari",
    "Opera": "Opera",
    "Safari": "Safari",
    "Samsung Internet": "Samsung Internet",
}
DESKTOPS = ("Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS", "FreeBSD")
TELEVISIONS = ("Tizen", "Web0S", "webOS", "tvOS", "ATV OS X", "Roku", "Chromecast", "FireOS TV")


class UserAgent(NamedTuple):
    """`device` is `desktop`, `phone`, `tablet`, `tv` or `other`; `browser` one of `BROWSERS`."""

    device: str = OTHER
    browser: str = OTHER


UNKNOWN = UserAgent()


class UserAgents:
    """Reads user agents; those that are asked for again and again once only.

    To make the first one of a process takes a fifth of a second, on no event loop.
    """

    def __init__(self) -> None:
        self._resolve = _resolver()
        self._read = lru_cache(REMEMBERED)(self._parse)

    def read(self, text: str | None) -> UserAgent:
        return self._read(text[:MOST_LETTERS]) if text else UNKNOWN

    def _parse(self, text: str) -> UserAgent:
        found = self._resolve(text, Domain.USER_AGENT | Domain.OS)
        return UserAgent(_device(found, text), _browser(found))


@cache
def _resolver() -> Resolver:
    browsers, systems, _ = load_lazy_builtins()
    return Resolver((browsers, systems, []))  # models of devices cost most


def _browser(found: PartialResult) -> str:
    family = found.user_agent.family if found.user_agent else ""
    begins = [start for start in BROWSERS if family.startswith(start)]
    return BROWSERS[max(begins, key=len)] if begins else OTHER


def _device(found: PartialResult, text: str) -> str:
    system = found.os.family if found.os else ""
    if system in TELEVISIONS or "TV" in text:
        return "tv"
    if system == "iOS":
        return "tablet" if "iPad" in text else "phone"
    if system == "Android":
        return "phone" if "Mobile" in text else "tablet"
    return "desktop" if system.startswith(DESKTOPS) else OTHER
