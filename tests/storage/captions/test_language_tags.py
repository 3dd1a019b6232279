import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.captions.language_tags import MAX_LENGTH, canonical_tag


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        pytest.param("en", "en", id="language"),
        pytest.param("EN", "en", id="in capitals"),
        pytest.param("en-us", "en-US", id="region"),
        pytest.param("ZH-hANS-cn", "zh-Hans-CN", id="script"),
        pytest.param("es-419", "es-419", id="region by number"),
        pytest.param("sl-ROZAJ-Biske", "sl-rozaj-biske", id="variants"),
        pytest.param("de-CH-1996", "de-CH-1996", id="variant by year"),
        pytest.param("DE-X-Leicht-AT", "de-x-leicht-at", id="private use stays small"),
        pytest.param("yue", "yue", id="three letters"),
        pytest.param("a", None, id="one letter"),
        pytest.param("abcd", None, id="four letters are reserved"),
        pytest.param("zh-yue", None, id="extended language"),
        pytest.param("en-u-ca-gregory", None, id="extension"),
        pytest.param("i-klingon", None, id="grandfathered"),
        pytest.param("x-private", None, id="private alone"),
        pytest.param("en-x", None, id="private of nothing"),
        pytest.param("en_US", None, id="underscore"),
        pytest.param("en-", None, id="dangling hyphen"),
        pytest.param("en\n", None, id="line break"),
        pytest.param("\u212ao", None, id="Kelvin sign"),
        pytest.param("", None, id="nothing"),
        pytest.param("..", None, id="path"),
        pytest.param("en-" + "-".join(["abcde"] * 5) + "-12", None, id="too long"),
    ],
)
def test_tag_has_one_spelling(tag: str, written: str | None) -> None:
    assert canonical_tag(tag) == written


@given(st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", fullmatch=True))
def test_canonical_tag_stays_as_it_is(tag: str) -> None:
    written = canonical_tag(tag)

    assert written is None or (canonical_tag(written) == written and len(written) <= MAX_LENGTH)
