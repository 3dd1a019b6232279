"""The session's cookie as browsers are told to keep it."""

import pytest

from handlers.access import session_cookie

DAY_S = 86400


@pytest.mark.parametrize(
    ("is_secure", "expected"),
    [
        pytest.param(
            True,
            {"__Host-coursestream=a.b-c_d", "Max-Age=60", "Path=/", "Secure"},
            id="TLS",
        ),
        pytest.param(False, {"coursestream=a.b-c_d", "Max-Age=60", "Path=/"}, id="no TLS"),
    ],
)
def test_no_script_and_no_other_site_gets_it(is_secure: bool, expected: set[str]) -> None:
    field = session_cookie.begun("a.b-c_d", 60.9, is_secure=is_secure)

    assert set(field.split("; ")) == expected | {"HttpOnly", "SameSite=Strict"}


@pytest.mark.parametrize(
    ("life_s", "max_age"),
    [
        pytest.param(-20.0, "1", id="within the leeway"),
        pytest.param(0.0, "1", id="ends now"),
        pytest.param(3600.5, "3600", id="an hour"),
        pytest.param(400 * DAY_S, str(400 * DAY_S), id="the longest that browsers keep"),
        pytest.param(1e300, str(400 * DAY_S), id="for ever"),
    ],
)
def test_it_lives_as_long_as_the_token(life_s: float, max_age: str) -> None:
    assert f"Max-Age={max_age};" in session_cookie.begun("a.b.c", life_s, is_secure=True) + ";"


@pytest.mark.parametrize(
    ("is_secure", "name"), [(True, "__Host-coursestream"), (False, "coursestream")]
)
def test_ended_is_the_same_cookie_without_value_and_life(is_secure: bool, name: str) -> None:
    field = session_cookie.ended(is_secure=is_secure)

    assert field.startswith(f'{name}="";') or field.startswith(f"{name}=;")
    assert {"Max-Age=0", "Path=/", "HttpOnly", "SameSite=Strict"} <= set(field.split("; "))
    assert ("Secure" in field.split("; ")) is is_secure


@pytest.mark.parametrize(
    ("field", "is_secure", "token"),
    [
        pytest.param("", True, None, id="none"),
        pytest.param("coursestream=a.b", False, "a.b", id="without TLS"),
        pytest.param("__Host-coursestream=a.b", True, "a.b", id="with TLS"),
        pytest.param("coursestream=a", True, None, id="set by a page without TLS"),
        pytest.param("__Host-coursestream=a", False, None, id="of TLS, without it"),
        pytest.param("coursestream=", False, None, id="empty"),
        pytest.param("theme=dark", False, None, id="another"),
        pytest.param("theme=dark; coursestream=a; x=y", False, "a", id="among others"),
        pytest.param("theme=dark;coursestream=a;", False, "a", id="without spaces"),
        pytest.param("coursestream=of-a-path; coursestream=a", False, "a", id="twice"),
        pytest.param("mycoursestream=a", False, None, id="a longer name"),
        pytest.param("x=coursestream=a", False, None, id="in a value"),
        pytest.param("coursestream", False, None, id="without a value"),
        pytest.param(";" * (16 * 1024 - 14) + "coursestream=a", False, "a", id="the longest field"),
        pytest.param(";" * (16 * 1024 - 13) + "coursestream=a", False, None, id="one byte longer"),
    ],
)
def test_the_token_is_read_from_the_cookie_of_the_scheme(
    field: str, is_secure: bool, token: str | None
) -> None:
    assert session_cookie.read(field, is_secure=is_secure) == token


@pytest.mark.parametrize(
    ("token", "fits"),
    [
        pytest.param("a.b-c_D9", True, id="a JWT"),
        pytest.param("a" * 4077, True, id="the longest"),
        pytest.param("a" * 4078, False, id="too long"),
        pytest.param("a;b", False, id="ends a cookie"),
        pytest.param('a"b', False, id="needs quoting"),
        pytest.param("", False, id="empty"),
    ],
)
def test_only_what_browsers_keep_fits(token: str, fits: bool) -> None:
    assert session_cookie.fits(token) is fits
