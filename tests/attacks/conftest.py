"""The application as in the tests of `handlers`; and raw requests to it."""

import logging

import pytest

from tests.handlers.conftest import (  # noqa: F401
    film,
    mp4,
    other_video,
    service,
    shared_directory,
    shared_service,
    start_service,
    start_shared_service,
    video,
    webm,
)


@pytest.fixture
def unblamed(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Lines of the log; whatever is sent, none of them is an error of ours."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches off aiohttp's log, which has a traceback for each malformed request."""
    monkeypatch.setattr(logging.getLogger("aiohttp.server"), "disabled", True)
