"""Combinations of edge settings: each refused one says which variable, and why."""

import pytest

from server.config.settings import PREFIX
from tests.server.config.test_settings import LONG, SIGNED, faults, load


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        pytest.param(
            {**SIGNED, "CDN_KEY_FILE": ""},
            "CDN_KEY_FILE: found nothing, but COURSESTREAM_CDN_SIGNING=hmac signs with it",
            id="signed without a key",
        ),
        pytest.param(
            {**SIGNED, "CDN_ORIGIN_SECRET": ""},
            "CDN_ORIGIN_SECRET: found nothing, but COURSESTREAM_CDN_SIGNING=hmac fetches",
            id="signed without a secret of the origin",
        ),
        pytest.param(
            {**SIGNED, "CDN_SIGNING": "grant"},
            "CDN_KEY_FILE: found a file, but COURSESTREAM_CDN_SIGNING=grant signs nothing",
            id="a key for nothing",
        ),
        pytest.param(
            {**SIGNED, "CDN_URL": ""},
            "CDN_URL: found nothing, but COURSESTREAM_CDN_SIGNING and COURSESTREAM_CDN_KEY_FILE and"
            " COURSESTREAM_CDN_ORIGIN_SECRET without an edge mean nothing",
            id="all but the edge",
        ),
        pytest.param(
            {"CDN_ORIGIN_SECRET": LONG},
            "CDN_URL: found nothing, but COURSESTREAM_CDN_ORIGIN_SECRET",
            id="a secret without an edge",
        ),
        pytest.param(
            {**SIGNED, "CDN_SIGNING": "bunny", "CDN_URL": "https://b-cdn.example/path"},
            "CDN_URL: found a path, but bunny",
            id="bunny below a path",
        ),
        pytest.param(
            {"ACCEL_REDIRECT": "/internal/", "STREAM_BANDWIDTH_LIMIT": "1MiB"},
            "STREAM_BANDWIDTH_LIMIT: found together with COURSESTREAM_ACCEL_REDIRECT",
            id="pacing bytes that nginx sends",
        ),
    ],
)
def test_what_does_not_fit_together_is_said(settings: dict[str, str], begins: str) -> None:
    (fault,) = faults(**settings)

    assert fault.startswith(PREFIX + begins)
    assert LONG not in fault


def test_all_that_a_signed_form_lacks_is_said_at_once() -> None:
    assert len(faults(CDN_URL="https://cdn.example", CDN_SIGNING="secure-link")) == 2


def test_a_fault_of_one_setting_makes_no_second_one() -> None:
    (fault,) = faults(**{**SIGNED, "CDN_ORIGIN_SECRET": "short"})
    assert fault.startswith(f"{PREFIX}CDN_ORIGIN_SECRET: found a value not shown here")
    (fault,) = faults(**{**SIGNED, "CDN_URL": "no address"})
    assert fault.startswith(f"{PREFIX}CDN_URL: found")


def test_an_edge_by_grant_may_fetch_by_a_secret_of_its_own() -> None:
    config = load(CDN_URL="https://cdn.example", CDN_ORIGIN_SECRET=LONG)

    assert config.cdn_signing == "grant"
