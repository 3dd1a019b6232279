"""CMCD as players write it, taken out of requests; the malformed is dropped."""

import time
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from events.insight.sessions.cmcd_sessions import MediaRequest
from handlers.transfers.cmcd import (
    _USUAL,
    KEYS,
    MOST_LETTERS,
    _decoded,
    _dictionary,
    _parsed,
    _request,
    parse,
    split,
    texts_of,
)

SID = 'sid="6e2fb550-c457-11e9-bb97-0800200c9a66"'
SESSION = "6e2fb550-c457-11e9-bb97-0800200c9a66"
HLS_JS = (
    f'bl=21300,br=3200,bs,cid="c",d=4004,mtp=25400,nor="..%2Fb.mp4",ot=v,sf=h,{SID},st=v,tb=6000'
)


def media(**said: Any) -> MediaRequest:
    return MediaRequest(session_id=SESSION, **said)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        pytest.param([SID], media(), id="session-alone"),
        pytest.param(
            [HLS_JS],
            media(
                is_picture=True,
                is_starved=True,
                has_started=True,
                bitrate=3_200_000,
                duration_ms=4004,
            ),
            id="query-of-hls.js",
        ),
        pytest.param(
            ["br=3200,d=4004,ot=av,tb=6000", 'bl=21300,su,nor="a"', SID, "rtp=15000"],
            media(is_picture=True, bitrate=3_200_000, duration_ms=4004),
            id="header-fields",
        ),
        pytest.param([f" {SID} , ot=a"], media(), id="spaces-and-sound"),
        pytest.param([f"bs=?0,su=?0,{SID}"], media(), id="false"),
        pytest.param([f"bs=true,{SID}"], media(), id="not-a-boolean"),
        pytest.param([f"br=-5,d=1.5,{SID}"], media(duration_ms=1), id="negative-and-decimal"),
        pytest.param([f'br="9",ot="v",{SID}'], media(), id="texts-for-numbers"),
        pytest.param([f"br=99999999999999,{SID}"], media(), id="beyond-any-bitrate"),
        pytest.param(
            [f'v=2,br=(128;a 3000;v),ot=v,msd=900,pt=7000,sta=p,ec=("a"),x.y-z="?",{SID}'],
            media(
                is_picture=True,
                has_started=True,
                bitrate=3_000_000,
                position_ms=7000,
                startup_ms=900,
                has_error=True,
            ),
            id="version-2",
        ),
        pytest.param(
            [f"v=2,bs,bsd=(250;v 100;a 50),bsa=(3;v 1;a),bsda=(900;v 400;a),dfa=12,{SID}"],
            media(is_starved=True, starved_ms=400, stalls=4, stalled_ms=1300, dropped_frames=12),
            id="starvation-and-frames",
        ),
        pytest.param(
            [f"v=2,bsd=250,bsa=2,{SID}"], media(starved_ms=250, stalls=2), id="no-inner-list"
        ),
        pytest.param(
            [f'v=2,bsd=(-5 "x" 7),{SID}'], media(starved_ms=7), id="members-that-are-none"
        ),
        pytest.param(
            [f"v=2,br=(3000),ot=a,{SID}"], media(bitrate=3_000_000), id="of-what-is-asked"
        ),
        pytest.param([f"v=2,br=(128;a 900),{SID}"], media(bitrate=900_000), id="without-a-type"),
        pytest.param([f"v=2,br=(128;a),{SID}"], media(), id="of-sound-alone"),
        pytest.param([f"v=2,br=(2000;av),{SID}"], media(bitrate=2_000_000), id="of-both-in-one"),
        pytest.param([f"v=2,br=(),bsd=(),ec=(),{SID}"], media(), id="empty-inner-lists"),
        pytest.param([f"v=2,sta=d,ot=v,{SID}"], media(is_picture=True), id="loaded-ahead"),
        pytest.param([f"v=2,sta=a,ot=m,{SID}"], media(has_started=True), id="paused"),
        pytest.param([f"v=2,sta=f,{SID}"], media(has_error=True), id="fatal"),
        pytest.param([f'v=2,sta="p",{SID}'], media(), id="state-as-a-text"),
        pytest.param([f"bsa=(3),msd=9,sta=p,{SID}"], media(), id="version-2-without-saying-so"),
        pytest.param([f"br=1,,{SID}", SID], media(), id="malformed-beside-good"),
        pytest.param([f"br=1,{SID},", SID], media(), id="trailing-comma"),
        pytest.param([f"BR=1,{SID}"], None, id="upper-case-key"),
        pytest.param(['sid=""'], None, id="empty-session"),
        pytest.param([f'sid="{"x" * 65}"'], None, id="long-session"),
        pytest.param(["sid=bare"], None, id="session-as-a-token"),
        pytest.param(["br=1"], None, id="no-session"),
        pytest.param([""], None, id="nothing"),
        pytest.param([], None, id="no-text"),
        pytest.param([f"{SID}{' ' * MOST_LETTERS}"], None, id="too-long"),
        pytest.param([f"é={SID}"], None, id="not-ascii"),
    ],
)
def test_what_a_player_said(texts: list[str], said: MediaRequest | None) -> None:
    assert parse([text.encode() for text in texts]) == said


def head(target: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


QUERY = quote(HLS_JS, safe="")


@pytest.mark.parametrize(
    ("data", "without", "texts"),
    [
        pytest.param(head(f"/v?CMCD={QUERY}"), head("/v"), [HLS_JS], id="query-alone"),
        pytest.param(head(f"/v?a=b&CMCD={QUERY}"), head("/v?a=b"), [HLS_JS], id="query-last"),
        pytest.param(head(f"/v?CMCD={QUERY}&a=b"), head("/v?a=b"), [HLS_JS], id="query-first"),
        pytest.param(
            head(f"/v?a=b&CMCD={QUERY}&c"), head("/v?a=b&c"), [HLS_JS], id="query-between"
        ),
        pytest.param(
            head("/v", "CMCD-Request: bl=1", "A: b", "cmcd-session: sid=x"),
            head("/v", "A: b"),
            [" bl=1", " sid=x"],
            id="fields",
        ),
        pytest.param(
            head("/v?CMCD=bs", "CMCD-Object:br=1"), head("/v"), ["bs", "br=1"], id="query-and-field"
        ),
        pytest.param(
            head("/v?CMCD=br%3D(79%3Bv+66%3Ba),a%3D%2B"),
            head("/v"),
            ["br=(79;v 66;a),a=+"],
            id="query-of-dash.js",
        ),
        pytest.param(head("/v?XCMCD=1"), head("/v?XCMCD=1"), [], id="another-parameter"),
        pytest.param(head("/CMCD=1"), head("/CMCD=1"), [], id="in-the-path"),
        pytest.param(head("/v?CMCD=a#b"), head("/v?CMCD=a#b"), [], id="before-a-fragment"),
        pytest.param(head("/v", "A: ?CMCD=1"), head("/v", "A: ?CMCD=1"), [], id="in-a-field"),
        pytest.param(
            head("/v", "CMCD-Status: a", " folded: b"),
            head("/v", "CMCD-Status: a", " folded: b"),
            [],
            id="folded",
        ),
        pytest.param(
            head("/v", "CMCD-Status: a\x00b"), head("/v", "CMCD-Status: a\x00b"), [], id="control"
        ),
        pytest.param(
            head("/v", "CMCD-Status: é"), head("/v", "CMCD-Status: é"), [], id="not-ascii"
        ),
        pytest.param(
            head("/v", "CMCD-Other: a"), head("/v", "CMCD-Other: a"), [], id="other-field"
        ),
        pytest.param(b"no head CMCD=", b"no head CMCD=", [], id="no-head"),
    ],
)
def test_requests_are_alike_without_it(data: bytes, without: bytes, texts: list[str]) -> None:
    assert split(data) == (without, tuple(text.encode() for text in texts))


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(value=printable, place=st.integers(0, 2), query=printable)
def test_whatever_a_player_writes_the_rest_of_its_request_stays(
    value: str, place: int, query: str
) -> None:
    fields = ["Range: bytes=0-1", "User-Agent: y"]
    told = [*fields[:place], f"CMCD-Request:{value}", *fields[place:]]

    without, texts = split(head(f"/v?CMCD={quote(query, safe='')}", *told))

    assert without == head("/v", *fields)
    assert texts == (query.encode(), value.encode())


def test_a_parsed_request_has_the_same_texts() -> None:
    headers = CIMultiDict({"cmcd-session": "sid=x", "CMCD-Request": "bl=1", "A": "b"})

    assert texts_of(f"a=b&CMCD={QUERY}&c=d", headers) == (HLS_JS.encode(), b"bl=1", b"sid=x")
    assert texts_of("CMCD=br%3D(79%3Bv+66%3Ba)", CIMultiDict()) == (b"br=(79;v 66;a)",)
    assert texts_of("XCMCD=1", CIMultiDict()) == ()


@pytest.mark.parametrize(
    "text", ["a=1;" * 256, "a=(" * 341, 'a="' + '\\"' * 500, "," * 1024, "a=1," * 256, "a" * 1024]
)
def test_a_hostile_text_takes_no_longer_than_a_good_one(text: str) -> None:
    parse([text.encode()])
    began_s = time.thread_time()
    assert parse([text.encode()]) is None
    assert time.thread_time() - began_s < 0.05


@pytest.mark.parametrize("piece", ["?CMCD=", "&CMCD=", "CMCD-Request:", "\r\nCMCD-Request:", "%"])
def test_hostile_bytes_are_split_in_linear_time(piece: str) -> None:
    data = head("/v" + piece * 2000, piece * 2000)
    began_s = time.thread_time()
    split(data)
    assert time.thread_time() - began_s < 0.1


def test_fields_that_are_remembered_mean_the_same_beside_others() -> None:
    session = b'sid="s"'
    first, second = (parse([session, text]) for text in (b"br=100", b"bs"))
    again = parse([session, b"br=100"])

    assert first is not None
    assert second is not None
    assert (first.bitrate, first.is_starved) == (100_000, False)
    assert (second.bitrate, second.is_starved) == (None, True)
    assert again == first


keys = st.one_of(
    st.sampled_from(sorted(KEYS)), st.from_regex(r"[a-z*][a-z0-9_.*-]{0,3}", fullmatch=True)
) | st.just("A")
integers = st.integers(-(10**15), 10**15).map(str)
strings = st.text(st.characters(min_codepoint=30, max_codepoint=128), max_size=5).map('"{}"'.format)
tokens = st.from_regex(r"[A-Za-z*][!-~]{0,4}", fullmatch=True)
bare = st.one_of(
    integers,
    strings,
    tokens,
    st.from_regex(r"-?[0-9]{1,13}\.[0-9]{0,4}", fullmatch=True),
    st.sampled_from(["?0", "?1", "?2", "", "-", ":YQ==:", "@1", '"', '""']),
)
items = st.one_of(bare, st.tuples(bare, keys).map(";".join), st.just("1;a=2"))
inner_lists = st.tuples(
    st.sampled_from(["({})", "({})", "( {})", "({}", "{})"]),
    st.lists(items, max_size=3).map(" ".join),
).map(lambda given: given[0].format(given[1]))
members = st.one_of(keys, st.tuples(keys, st.one_of(items, inner_lists)).map("=".join))
dictionaries = st.tuples(
    st.lists(members, max_size=5), st.sampled_from([",", ",", ",", ", ", ",,"])
).map(lambda given: given[1].join(given[0]))


@given(dictionaries)
def test_plain_dictionaries_are_read_as_the_parser_of_structured_fields_reads_them(
    text: str,
) -> None:
    try:
        expected = _parsed(text.encode())
    except ValueError:
        expected = {}

    found = _dictionary(text.encode())

    assert found == expected
    assert [type(value) for value in found.values()] == [type(one) for one in expected.values()]


kilobits = st.sampled_from(["0", "3200", "1000000000", "1000000001", "-1", "1.5"])
texts = st.sampled_from(['"c"', '""', '"a,br=9,b"', '"\\\\"'])
FORMS_OF_VERSION_1 = {
    "bl": integers,
    "br": kilobits,
    "bs": st.just(""),
    "cid": texts,
    "d": kilobits,
    "nor": texts,
    "ot": st.sampled_from(["v", "av", "a", "m"]),
    "pr": st.sampled_from(["1", "1.25"]),
    "rtp": integers,
    "sf": tokens,
    "st": st.sampled_from(["v", "l"]),
    "su": st.just(""),
    "tb": integers,
}
session_ids = st.sampled_from([f'"{SESSION}"', f'"{"x" * 64}"', f'"{"x" * 65}"', '""', "x"])


@given(
    given=st.fixed_dictionaries({"sid": session_ids}, optional=FORMS_OF_VERSION_1),
    more=st.sampled_from(
        ["", "", "", ",v=1", ",v=2", ",x-own=a", ",", ",bs", ' ,br="'],
    ),
)
def test_a_usual_query_is_read_as_any_other(given: dict[str, str], more: str) -> None:
    members = [f"{name}={given[name]}" if given[name] else name for name in sorted(given)]
    text = (",".join(members) + more).encode()

    assert parse([text]) == _request([text])


def test_queries_of_players_are_usual() -> None:
    """Those of hls.js, dash.js and Shaka, which sort their keys, take the quick way."""
    without_a_hurry, in_a_hurry = HLS_JS, HLS_JS.replace("st=v,", "st=v,su,")

    assert all(_USUAL.match(text.encode()) for text in (without_a_hurry, in_a_hurry, SID))


@given(st.text(st.sampled_from('%+ 23DCcdBb5=,";a/'), max_size=20))
def test_escapes_are_decoded_once(text: str) -> None:
    assert _decoded(text.encode()) == unquote_to_bytes(text.replace("+", " "))
