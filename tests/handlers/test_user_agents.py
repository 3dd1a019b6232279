"""User agents: the kinds and families that figures are kept by, and the time that odd ones take."""

import random
import time

import pytest

from handlers.user_agents import BROWSERS, MOST_LETTERS, UNKNOWN, UserAgent, UserAgents

MOZILLA, WEBKIT = "Mozilla/5.0", "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS, PIXEL = "(Windows NT 10.0; Win64; x64)", "(Linux; Android 14; Pixel 8)"
IPHONE = "(iPhone; CPU iPhone OS 17_5 like Mac OS X)"
PIECES = [
    *"();/. -",
    "Android ",
    "Build/",
    "HbbTV/1.1.1 (;;;;;)",
    ";" * 9,
    "1." * 60,
    "é",
    "a" * 50,
]
DEVICES = {"desktop", "phone", "tablet", "tv", "other"}


@pytest.fixture(scope="module")
def user_agents() -> UserAgents:
    return UserAgents()


@pytest.mark.parametrize(
    ("text", "device", "browser"),
    [
        (f"{MOZILLA} {WINDOWS} {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "desktop", "Chrome"),
        (f"{MOZILLA} {WINDOWS} {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140", "desktop", "Edge"),
        (f"{MOZILLA} {WINDOWS} {WEBKIT} Chrome/14 Safari/537.36 OPR/112.0.0.0", "desktop", "Opera"),
        (f"{MOZILLA} {WINDOWS} {WEBKIT} HeadlessChrome/140.0 Safari/537.36", "desktop", "Chrome"),
        (f"{MOZILLA} (X11; CrOS x86_64 1.0) {WEBKIT} Chrome/126.0 Safari/5", "desktop", "Chrome"),
        (f"{MOZILLA} (X11; Linux x86_64; rv:128.0) Gecko/1 Firefox/128.0", "desktop", "Firefox"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.4 Safari/605.1.15",
         "desktop", "Safari"),
        (f"{MOZILLA} {IPHONE} {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1", "phone", "Safari"),
        (f"{MOZILLA} {IPHONE} {WEBKIT} CriOS/126.0 Mobile/15E148 Safari/604.1", "phone", "Chrome"),
        (f"{MOZILLA} (iPad; CPU OS 16_5 like Mac OS X) {WEBKIT} Version/16.5 Mobile/15E148"
         " Safari/604.1", "tablet", "Safari"),
        (f"{MOZILLA} {PIXEL} {WEBKIT} Chrome/126.0 Mobile Safari/537.36", "phone", "Chrome"),
        (f"{MOZILLA} (Linux; Android 13; SM-X200) {WEBKIT} Chrome/126.0 Safari/537.36",
         "tablet", "Chrome"),
        (f"{MOZILLA} {PIXEL} {WEBKIT} SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36",
         "phone", "Samsung Internet"),
        (f"{MOZILLA} (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", "phone", "Firefox"),
        (f"{MOZILLA} (SMART-TV; Linux; Tizen 6.0) {WEBKIT} 76.0.3809.146/6.0 TV Safari/537.36",
         "tv", "Safari"),
        (f"{MOZILLA} (Web0S; Linux/SmartTV) {WEBKIT} Chrome/94.0.4606.128 Safari/537.36",
         "tv", "Chrome"),
        ("VLC/3.0.20 LibVLC/3.0.20", "other", "other"),
        ("curl/8.0", "other", "other"),
        ("\x01é", "other", "other"),
    ],
)  # fmt: skip
def test_user_agent_is_a_kind_and_a_family(
    user_agents: UserAgents, text: str, device: str, browser: str
) -> None:
    assert user_agents.read(text) == UserAgent(device, browser)


@pytest.mark.parametrize("text", [None, ""])
def test_without_a_user_agent_both_are_unknown(user_agents: UserAgents, text: str | None) -> None:
    assert user_agents.read(text) == UNKNOWN


def test_odd_user_agents_are_of_few_families_and_read_within_milliseconds(
    user_agents: UserAgents,
) -> None:
    """Processor time, of texts longer than what is read."""
    odd = random.Random(1)
    worst_s = 0.0
    for _ in range(1000):
        text = "".join(odd.choice(PIECES) for _ in range(100)).ljust(MOST_LETTERS, ";")
        began_s = time.thread_time()
        found = user_agents.read(text)
        worst_s = max(worst_s, time.thread_time() - began_s)
        assert found.device in DEVICES
        assert found.browser in {*BROWSERS.values(), "other"}

    assert worst_s < 0.05


def test_only_the_beginning_is_read(user_agents: UserAgents) -> None:
    assert user_agents.read("x" * MOST_LETTERS + f"{MOZILLA} {PIXEL}") == UNKNOWN
