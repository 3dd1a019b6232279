"""Each fault that is found by name has a cure, and the report shows it once."""

import ast
from argparse import ArgumentTypeError, Namespace
from pathlib import Path

import pytest

import server.doctor
from server.commands.doctor import TokenFormatError, doctor, parse_url
from server.config.settings import load_config
from server.doctor.cures import CURES
from server.doctor.examination import Examination
from server.doctor.findings import fault, ok, remark
from server.doctor.report import written

PLACE = {"fault": 0, "remark": 1}


def named_codes() -> set[str]:
    """The codes that the checks give."""
    found = set()
    for path in Path(server.doctor.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=str(name)), args=arguments) if name in PLACE:
                    match arguments[PLACE[name] :]:
                        case [ast.Constant(value=str(code)), *_] if code:
                            found.add(code)
    return found


def test_each_code_has_a_cure_and_each_cure_a_code() -> None:
    assert named_codes() == set(CURES)


def test_the_cure_of_the_proxy_that_showed_itself_comes_once_after_its_faults() -> None:
    findings = (fault("events-cut", "one."), ok("well."), fault("events-cut", "two."))

    report = written(Examination(("nginx",), findings))

    assert report.splitlines() == [
        "ok       well.",
        "FAULT    one.",
        "FAULT    two.",
        f"           nginx: {CURES['events-cut'].nginx}",
        "2 faults; 0 remarks",
    ]


def test_every_proxy_is_named_when_none_showed_itself() -> None:
    report = written(Examination((), (remark("old.", "no-http2"),)))

    assert [line.split(":")[0].strip() for line in report.splitlines()[1:-1]] == [
        *("nginx", "HAProxy", "Caddy", "Apache")
    ]
    assert Examination((), (remark("old.", "no-http2"),)).is_healthy


@pytest.mark.parametrize(
    "text",
    [
        *("courses.example.org", "ftp://courses.example.org", "https://", "https://u@host"),
        *("https://host/courses", "https://host/?x=1", "http://ex ample", "http://[::1"),
        *("http://host:99999", "https://host:0", "http://.host", "http://@host"),
    ],
)
def test_a_url_that_is_none_of_a_host_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        parse_url(text)


def test_a_url_keeps_its_port_and_loses_its_slash() -> None:
    assert parse_url("https://host:8443/") == "https://host:8443"


def test_a_url_becomes_what_browsers_make_of_it() -> None:
    assert parse_url("HTTPS://Kurse.MÜNCHEN.example?") == "https://kurse.xn--mnchen-3ya.example"
    assert parse_url("http://[::1]:8080") == "http://[::1]:8080"


@pytest.mark.parametrize("text", ["", " ", "a\nb", "ü€", "two words"])
def test_a_token_that_is_none_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    config = load_config({"COURSESTREAM_DATA_DIR": str(tmp_path)}, tmp_path / "none")
    arguments = Namespace(token=text, url="http://127.0.0.1:1")

    with pytest.raises(TokenFormatError, match="the token is empty, or has what no bearer token"):
        doctor(config, arguments)
