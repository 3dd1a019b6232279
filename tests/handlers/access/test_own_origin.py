"""Requests of this service's own pages, told from those of others by what browsers send."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from handlers.access.own_origin import OwnOrigin

PROXY, STRANGER = "10.0.0.1", "198.51.100.1"
OURS = "http://video.example"
OTHER = "http://evil.example"
TO_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lectures.example"}


def request(peer: str = STRANGER, *, has_tls: bool = False, **fields: str) -> Any:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    made = make_mocked_request("PUT", "/", headers={"Host": "video.example", **headers})
    return made.clone(remote=peer, scheme="https" if has_tls else "http")


def own_origin() -> OwnOrigin:
    return OwnOrigin(lambda address: address == PROXY)


@pytest.mark.parametrize(
    ("fields", "is_certain", "is_possible"),
    [
        pytest.param({}, False, True, id="a browser without TLS, reading"),
        pytest.param({"Origin": OURS}, True, True, id="our origin"),
        pytest.param({"Origin": OTHER}, False, False, id="another origin"),
        pytest.param({"Origin": "null"}, False, False, id="an opaque origin"),
        pytest.param({"Origin": ""}, False, False, id="an empty origin"),
        pytest.param({"Origin": OURS.replace("http", "https")}, False, False, id="another scheme"),
        pytest.param({"Origin": OURS + ":8080"}, False, False, id="another port"),
        pytest.param({"Origin": OURS + ".evil.example"}, False, False, id="a longer host"),
        pytest.param({"Sec_Fetch_Site": "same-origin"}, True, True, id="same-origin"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, False, False, id="same-site"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, False, False, id="cross-site"),
        pytest.param({"Sec_Fetch_Site": "none"}, False, True, id="typed in"),
        pytest.param({"Sec_Fetch_Site": "SAME-ORIGIN"}, False, False, id="no such value"),
        pytest.param(
            {"Sec_Fetch_Site": "same-origin", "Origin": OTHER},
            True,
            True,
            id="a proxy that changes the host and is not trusted",
        ),
    ],
)
def test_pages_of_this_service_are_told_from_others(
    fields: dict[str, str], is_certain: bool, is_possible: bool
) -> None:
    asked = request(**fields)

    assert own_origin().is_certain(asked) is is_certain
    assert own_origin().is_possible(asked) is is_possible


@pytest.mark.parametrize(
    ("options", "origin"),
    [
        pytest.param({"has_tls": True}, "https://video.example", id="TLS"),
        pytest.param({"Host": "Video.Example:80"}, OURS, id="a default port, in capitals"),
        pytest.param({"Host": "[::1]:8080"}, "http://[::1]:8080", id="IPv6"),
        pytest.param({"peer": PROXY, **TO_PROXY}, "https://lectures.example", id="a proxy"),
        pytest.param({"peer": STRANGER, **TO_PROXY}, OURS, id="a client that claims to be one"),
        pytest.param(
            {"peer": PROXY, "X-Forwarded-Proto": "HTTPS, http", "Host": "a.example:443"},
            "https://a.example",
            id="two proxies",
        ),
        pytest.param({"peer": PROXY, "X-Forwarded-Proto": "gopher"}, OURS, id="no such scheme"),
        pytest.param({"peer": PROXY, "X-Forwarded-Host": " ,"}, OURS, id="an empty host"),
        pytest.param({"peer": ""}, OURS, id="a socket without addresses"),
    ],
)
def test_own_origin_is_that_which_the_browser_asked_for(
    options: dict[str, Any], origin: str
) -> None:
    asked = request(**options, Origin=origin)

    assert own_origin().is_certain(asked)
    assert own_origin().is_secure(asked) is origin.startswith("https:")
