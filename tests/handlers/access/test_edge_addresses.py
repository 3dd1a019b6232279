"""Addresses of media at an edge: how long they live, and the cookies that some need."""

from http.cookies import SimpleCookie
from uuid import UUID

import pytest
from aiohttp import web

from handlers.access.edge_addresses import MediaAddresses, MediaPlace, common_domain
from handlers.access.signatures.cdn_signatures import HmacLink, SignedPlace

VIDEO = UUID(int=7)
NOON = 1_900_000_200  # a multiple of five minutes
FAR = NOON + 86400.0


def at(now_s: float, expires_at: float = FAR) -> MediaPlace:
    addresses = MediaAddresses("https://cdn.example", HmacLink("k" * 32), lambda: now_s)
    return addresses.at_edge(VIDEO, "grant", expires_at)


@pytest.mark.parametrize("after_s", [0, 1, 299, 299.9, 300, 301, 599])
def test_signed_addresses_live_ten_to_fifteen_minutes(after_s: float) -> None:
    left_s = at(NOON + after_s).expires_at - (NOON + after_s)

    assert 600 < left_s <= 900


def test_viewers_of_one_step_share_an_address() -> None:
    assert at(NOON).base == at(NOON + 299).base
    assert at(NOON).base != at(NOON + 300).base


def test_no_address_outlives_its_grant() -> None:
    place = at(NOON, NOON + 60.0)

    assert place.expires_at == NOON + 60
    assert f"/c/{NOON + 60}/" in place.base


def test_what_is_not_signed_lives_as_long_as_the_grant() -> None:
    assert MediaAddresses("https://cdn.example").at_edge(VIDEO, "grant", FAR).expires_at == FAR


def test_the_origin_of_an_edge_has_no_path() -> None:
    assert MediaAddresses("https://cdn.example:8443/edge").origin == "https://cdn.example:8443"
    assert MediaAddresses().origin == ""


class _Cookies:
    def sign(self, video_id: UUID, expires_s: int) -> SignedPlace:
        return SignedPlace(f"/media/{video_id}/", {"CloudFront-Policy": "p"})


@pytest.mark.parametrize(
    ("url", "domain", "is_secure"),
    [
        ("https://cdn.example.org", "example.org", True),
        ("http://cdn.example.org", "example.org", False),
        ("https://learn.example.org", "", True),
    ],
)
def test_cookies_go_to_the_edge_for_one_video_alone(url: str, domain: str, is_secure: bool) -> None:
    addresses = MediaAddresses(url, _Cookies(), lambda: NOON)
    response = web.Response()

    addresses.set_cookies(
        response, addresses.at_edge(VIDEO, "grant", FAR), "learn.example.org:8080"
    )

    cookie: SimpleCookie = response.cookies
    (morsel,) = cookie.values()
    assert (morsel["domain"], morsel["path"]) == (domain, f"/media/{VIDEO}/")
    assert (bool(morsel["secure"]), morsel["samesite"]) == (is_secure, "None" if is_secure else "")
    assert morsel["httponly"] is True
    assert morsel["max-age"] == "900"


@pytest.mark.parametrize(
    ("host", "other", "shared"),
    [
        ("learn.example.org", "cdn.example.org", "example.org"),
        ("example.org:8080", "cdn.example.org", "example.org"),
        ("a.b.example.org", "c.b.example.org", "b.example.org"),
        ("example.org", "example.org", None),
        ("example.org", "example.com", None),
        ("learn.example.org", "d111.cloudfront.net", None),
        ("one.org", "two.org", None),
        ("127.0.0.1:8080", "127.0.0.2", None),
        ("[::1]:8080", "cdn.example.org", None),
        ("localhost", "cdn.localhost", None),
    ],
)
def test_common_domain(host: str, other: str, shared: str | None) -> None:
    assert common_domain(host, other) == shared
