"""Every kind of URL that a course service may have stored."""

import pytest

from storage.s3.locations import Hosts, Location, UnknownLocation, endpoint_host, parse_url

HOSTS = Hosts({"d111.cloudfront.net": "lectures", "media.example.org": "lectures"}, "127.0.0.1:9")

ONE = [
    ("https://lectures.s3.eu-west-1.amazonaws.com/a/b.mp4", "virtual host"),
    ("https://lectures.s3.amazonaws.com/a/b.mp4", "virtual host without a region"),
    ("https://lectures.s3-eu-west-1.amazonaws.com/a/b.mp4", "virtual host, old region"),
    ("https://lectures.s3.dualstack.eu-west-1.amazonaws.com/a/b.mp4", "dual stack"),
    ("https://lectures.s3-accelerate.amazonaws.com/a/b.mp4", "accelerated"),
    ("https://lectures.s3.cn-north-1.amazonaws.com.cn/a/b.mp4", "China"),
    ("https://s3.eu-west-1.amazonaws.com/lectures/a/b.mp4", "path style"),
    ("https://s3-eu-west-1.amazonaws.com/lectures/a/b.mp4", "path style, old region"),
    ("https://s3.amazonaws.com/lectures/a/b.mp4", "path style without a region"),
    ("http://127.0.0.1:9/lectures/a/b.mp4", "own endpoint, path style"),
    ("http://lectures.127.0.0.1:9/a/b.mp4", "own endpoint, virtual host"),
    ("https://d111.cloudfront.net/a/b.mp4", "CloudFront"),
    ("https://MEDIA.example.org/a/b.mp4", "CloudFront by a name of its own"),
    ("s3://lectures/a/b.mp4", "s3"),
    ("S3://lectures/a/b.mp4", "s3 in capitals"),
    ("  s3://lectures/a/b.mp4\n", "blanks around"),
    ("https://d111.cloudfront.net/a/b.mp4?Expires=1&Signature=x&Key-Pair-Id=K", "signed cookie"),
    ("https://lectures.s3.amazonaws.com/a/b.mp4?X-Amz-Signature=1#t=3", "signed, with a place"),
]

SEVERAL = [
    ("https://b-1.s3.amazonaws.com/a%20b.mp4", ["a b.mp4", "a%20b.mp4"], "encoded blank"),
    ("https://b-1.s3.amazonaws.com/a+b.mp4", ["a+b.mp4", "a b.mp4"], "plus or blank"),
    ("https://b-1.s3.amazonaws.com/a%2Bb.mp4", ["a+b.mp4", "a%2Bb.mp4"], "encoded plus"),
    ("https://b-1.s3.amazonaws.com/a b.mp4", ["a b.mp4"], "never encoded"),
    ("https://b-1.s3.amazonaws.com/%C3%A9t%C3%A9.mp4", ["été.mp4", "%C3%A9t%C3%A9.mp4"], "UTF-8"),
    ("https://b-1.s3.amazonaws.com/été.mp4", ["été.mp4"], "UTF-8, never encoded"),
    ("https://b-1.s3.amazonaws.com/a%E9.mp4", ["a%E9.mp4"], "Latin-1 is no UTF-8"),
    ("https://b-1.s3.amazonaws.com/100%.mp4", ["100%.mp4"], "a percent sign"),
    ("https://b-1.s3.amazonaws.com/../x.mp4", ["../x.mp4"], "dots"),
    ("https://b-1.s3.amazonaws.com//a//b.mp4", ["/a//b.mp4"], "slashes"),
    ("s3://b-1/a?b#c.mp4", ["a?b#c.mp4"], "no query in s3"),
    ("s3://b-1/a%20b.mp4", ["a%20b.mp4", "a b.mp4"], "s3, perhaps encoded"),
    ("s3://b-1/a.mp4 ", ["a.mp4", "a.mp4 "], "s3, a blank at the end"),
    ("  s3://b-1/a.mp4  \n", ["a.mp4", "a.mp4  "], "s3, blanks and a line feed"),
    ("https://b-1.s3.amazonaws.com/a.mp4 ", ["a.mp4", "a.mp4 "], "a blank at the end"),
    ("https://b-1.s3.amazonaws.com/a.mp4%20", ["a.mp4 ", "a.mp4%20"], "encoded at the end"),
    ("https://b-1.s3.amazonaws.com/a.mp4+", ["a.mp4+", "a.mp4 "], "plus at the end"),
    ("https://b-1.s3.amazonaws.com/a.mp4 ?x=1", ["a.mp4 "], "a blank before the query"),
    (f"s3://b-1/{'k' * 1024}", ["k" * 1024], "the longest key"),
    (f"s3://b-1/{'k' * 1024} ", ["k" * 1024], "the longest key, and a blank"),
    (f"s3://b-1/{'%C3%A9' * 512}", ["é" * 512], "the longest once decoded"),
]

NONE = [
    ("https://www.youtube.com/watch?v=x", "--cloudfront-map"),
    ("https://d222.cloudfront.net/a.mp4", "--cloudfront-map"),
    ("https://s3.amazonaws.com.evil.example/b-1/a.mp4", "--cloudfront-map"),
    ("https://s3.amazonaws.com/", "bucket"),
    ("https://s3.amazonaws.com/UPPER/a.mp4", "bucket"),
    ("https://lectures.s3.amazonaws.com/", "no key"),
    ("https://lectures.s3.amazonaws.com/a.mp4?versionId=3", "version"),
    (f"s3://b-1/{'k' * 1025}", "no key"),
    ("s3://b-1/a\0.mp4", "no key"),  # PostgreSQL could not store it
    ("https://[::1/a.mp4", "no URL"),
    ("https:///a.mp4", "--cloudfront-map"),
    ("ftp://lectures/a.mp4", "neither"),
    ("lectures/a.mp4", "neither"),
    ("", "neither"),
]


@pytest.mark.parametrize("url", [pytest.param(url, id=name) for url, name in ONE])
def test_a_plain_url_means_one_object(url: str) -> None:
    assert parse_url(url, HOSTS) == (Location("lectures", "a/b.mp4"),)


@pytest.mark.parametrize(
    ("url", "keys"), [pytest.param(url, keys, id=name) for url, keys, name in SEVERAL]
)
def test_an_ambiguous_url_means_its_keys_in_order(url: str, keys: list[str]) -> None:
    assert parse_url(url, HOSTS) == tuple(Location("b-1", key) for key in keys)


@pytest.mark.parametrize(("url", "said"), NONE)
def test_what_is_no_object_is_refused_with_the_reason(url: str, said: str) -> None:
    with pytest.raises(UnknownLocation, match=said):
        parse_url(url, HOSTS)


def test_hosts_are_known_only_when_they_are_given() -> None:
    with pytest.raises(UnknownLocation):
        parse_url("http://127.0.0.1:9/lectures/a.mp4", Hosts())


@pytest.mark.parametrize(
    ("url", "host"), [("http://Host:9000/x", "host:9000"), ("https://h", "h"), (None, None)]
)
def test_the_host_of_an_endpoint(url: str | None, host: str | None) -> None:
    assert endpoint_host(url) == host


def test_a_location_is_shown_as_the_command_line_of_aws_takes_it() -> None:
    assert str(Location("b-1", "a b.mp4")) == "s3://b-1/a b.mp4"
