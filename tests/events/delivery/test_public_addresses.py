import pytest

from events.delivery.public_addresses import is_address, is_private_host, is_public


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.9.1", id="the rest of loopback"),
        pytest.param("0.0.0.0", id="this host"),
        pytest.param("10.1.2.3", id="private, RFC 1918"),
        pytest.param("172.16.0.1", id="private, RFC 1918, second"),
        pytest.param("192.168.1.1", id="private, RFC 1918, third"),
        pytest.param("100.64.0.1", id="shared by carriers, RFC 6598"),
        pytest.param("100.100.100.200", id="metadata of Alibaba Cloud"),
        pytest.param("169.254.169.254", id="metadata of most clouds, link-local"),
        pytest.param("168.63.129.16", id="the host of Azure"),
        pytest.param("192.0.0.192", id="metadata of Oracle Cloud"),
        pytest.param("192.88.99.1", id="relays of 6to4, RFC 7526"),
        pytest.param("198.18.0.1", id="benchmarks, RFC 2544"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::1", id="loopback, IPv6"),
        pytest.param("::", id="unspecified, IPv6"),
        pytest.param("fe80::1", id="link-local, IPv6"),
        pytest.param("fe80::1%eth0", id="link-local with its interface"),
        pytest.param("fd00:ec2::254", id="metadata of Amazon, IPv6"),
        pytest.param("fc00::1", id="unique local, IPv6"),
        pytest.param("fec0::1", id="site-local, RFC 3879"),
        pytest.param("feff:ffff::1", id="the rest of site-local"),
        pytest.param("3fff:fff::1", id="documentation, RFC 9637"),
        pytest.param("ff02::1", id="multicast, IPv6"),
        pytest.param("2001:db8::1", id="documentation, IPv6"),
        pytest.param("::ffff:127.0.0.1", id="mapped loopback"),
        pytest.param("::ffff:a9fe:a9fe", id="mapped link-local"),
        pytest.param("::127.0.0.1", id="compatible loopback"),
        pytest.param("64:ff9b::7f00:1", id="translated loopback, NAT64"),
        pytest.param("64:ff9b:1::7f00:1", id="translated, local prefix"),
        pytest.param("2002:7f00:1::", id="6to4 of loopback"),
        pytest.param("2002:a9fe:a9fe::1", id="6to4 of link-local"),
        pytest.param("2001:0:4136:e378:8000:63bf:80ff:fffe", id="Teredo of loopback"),
        pytest.param("example.org", id="no address"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_not_of_the_public_internet_is_refused(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "192.88.100.1",
        "93.184.215.14",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_public(text)


def test_a_name_is_no_address() -> None:
    assert is_address("::1")
    assert is_address("10.0.0.1")
    assert not is_address("localhost")


@pytest.mark.parametrize(
    ("host", "is_private"),
    [
        pytest.param("127.0.0.1", True, id="dotted"),
        pytest.param("127.0.0.1.", True, id="with the root's dot"),
        pytest.param("2130706433", True, id="one number"),
        pytest.param("127.1", True, id="short"),
        pytest.param("0x7F.0.0.1", True, id="hexadecimal"),
        pytest.param("0177.0.0.1", True, id="octal"),
        pytest.param("0", True, id="any address, short"),
        pytest.param("%31%32%37.0.0.1", True, id="percent-encoded"),
        pytest.param("::ffff:10.0.0.1", True, id="mapped into IPv6"),
        pytest.param("LocalHost", True, id="this machine by name"),
        pytest.param("lms.localhost", True, id="a name below it"),
        pytest.param("16843009", False, id="a public address, one number"),
        pytest.param("1.1.1.1", False, id="a public address"),
        pytest.param("hooks.example", False, id="a name"),
        pytest.param("mylocalhost", False, id="a name that ends alike"),
        pytest.param("%ff.example", False, id="no text"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_hosts_that_are_private_without_being_looked_up(host: str, is_private: bool) -> None:
    assert is_private_host(host) is is_private
