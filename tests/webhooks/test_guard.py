"""No URL that a customer gives leads into the operator's own network, however it is written and wherever its name leads."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.webhooks.addresses import why_not
from aftersend.webhooks.guard import Allowance, Guard, Refused, read

PUBLIC = "93.184.215.14"

HOSTILE = {
    # This machine.
    "https://127.0.0.1/": "loopback",
    "https://127.1.2.3/": "loopback",
    "https://[::1]/": "loopback",
    "https://0.0.0.0/": "this machine",
    "https://[::]/": "no address",
    "https://localhost/": "127.0.0.1",
    "https://LOCALHOST./": "127.0.0.1",
    "https://app.localhost/": "inside of private networks",
    # The same in other notations.
    "https://2130706433/": "unusual notation",
    "https://0x7f000001/": "unusual notation",
    "https://0x7f.0.0.1/": "unusual notation",
    "https://0177.0.0.1/": "unusual notation",
    "https://127.1/": "unusual notation",
    "https://127.0.1/": "unusual notation",
    "https://127.0.0.0x1/": "unusual notation",
    "https://①②⑦.⓪.⓪.①/": "loopback",
    "https://127。0。0。1/": "loopback",
    "https://[::ffff:127.0.0.1]/": "in disguise",
    "https://[::ffff:7f00:1]/": "in disguise",
    "https://[::127.0.0.1]/": "in disguise",
    "https://[64:ff9b::7f00:1]/": "in disguise",
    "https://[64:ff9b:1::7f00:1]/": "in disguise",
    "https://[2002:7f00:1::]/": "in disguise",
    "https://[2001:0:7f00:1::]/": "in disguise",
    "https://[::ffff:0:7f00:1]/": "in disguise",
    "https://%31%32%37.0.0.1/": "percent sign",
    # Where clouds hand out credentials.
    "https://169.254.169.254/latest/meta-data/": "metadata",
    "https://169.254.170.2/v2/credentials": "metadata",
    "https://168.63.129.16/": "metadata",
    "https://100.100.100.200/": "metadata",
    "https://192.0.0.192/": "metadata",
    "https://[fd00:ec2::254]/": "metadata",
    "https://[fd20:ce::254]/": "metadata",
    "https://[::ffff:169.254.169.254]/": "in disguise",
    "https://metadata.google.internal/": "inside of private networks",
    # Neighbours.
    "https://10.0.0.1/": "private",
    "https://172.16.0.1/": "private",
    "https://172.31.255.255/": "private",
    "https://192.168.1.1/": "private",
    "https://100.64.0.1/": "NAT",
    "https://169.254.1.1/": "link-local",
    "https://[fe80::1]/": "link-local",
    "https://[fc00::1]/": "private",
    "https://[fec0::1]/": "site-local",
    "https://printer.local/": "inside of private networks",
    "https://intranet/": "full name",
    "https://router.home.arpa/": "inside of private networks",
    # Nobody's.
    "https://224.0.0.1/": "multicast",
    "https://255.255.255.255/": "broadcast",
    "https://240.0.0.1/": "reserved",
    "https://192.0.2.1/": "documentation",
    "https://198.18.0.1/": "measurements",
    "https://[ff02::1]/": "multicast",
    "https://[2001:db8::1]/": "documentation",
    # Names that lead there.
    "https://inside.example.com/": "10.0.0.5",
    "https://both.example.com/": "127.0.0.1",
    "https://six.example.com/": "::1",
    "https://mapped.example.com/": "in disguise",
    "https://nowhere.example.com/": "no address",
    # Other protocols, ports and readings.
    "http://public.example.com/": "https://",
    "ftp://public.example.com/": "https://",
    "file:///etc/passwd": "https://",
    "gopher://127.0.0.1:25/_HELO": "https://",
    "https://public.example.com:25/": "Port 25",
    "https://public.example.com:6379/": "Port 6379",
    "https://public.example.com:0/": "no port",
    "https://public.example.com:99999/": "cannot be read",
    "https://public.example.com@127.0.0.1/": "user name",
    "https://user:password@public.example.com/": "user name",
    "https://127.0.0.1\\@public.example.com/": "backslashes",
    "https://public.example.com/\r\nHost: inside": "cannot be seen",
    "https://public.example.com/#@127.0.0.1": "fragment",
    "https:///etc": "no host",
    "https://[::1%25eth0]/": "",
    "https://[127.0.0.1]/": "",
}
NAMES = {
    "public.example.com": [PUBLIC],
    "inside.example.com": ["10.0.0.5"],
    "both.example.com": [PUBLIC, "127.0.0.1"],
    "six.example.com": ["::1"],
    "mapped.example.com": ["::ffff:10.0.0.1"],
    "localhost": ["127.0.0.1"],
}


async def look(host: str) -> list[str]:
    """A DNS with a few names; any other one is public, so that only the guard can refuse it."""
    return [] if host.startswith("nowhere") else NAMES.get(host, [PUBLIC])


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_target_is_refused_with_its_reason(url):
    """Whoever gave it is told what is wrong with it."""
    with pytest.raises(Refused) as refused:
        await Guard(look).check(url)
    assert HOSTILE[url] in refused.value.detail
    assert refused.value.pointer == "#/url"
    assert refused.value.detail.endswith(".")


def test_there_are_enough_of_them():
    """Sixty at least."""
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://public.example.com", "public.example.com", "/"),
        ("https://PUBLIC.example.com.:443/a?b=c", "public.example.com", "/a?b=c"),
        ("https://public.example.com:8443/a", "public.example.com", "/a"),
        ("https://bücher.example.com/", "xn--bcher-kva.example.com", "/"),
        (f"https://{PUBLIC}/", PUBLIC, "/"),
        ("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "/"),
    ],
)
async def test_the_public_internet_may_be_asked(url, host, path):
    """By names, in other alphabets too, and by addresses."""
    target, found = await Guard(look).check(url)
    assert (target.host, target.path) == (host, path)
    assert found


async def test_an_operator_can_open_a_network():
    """And that network only, by http and at any port."""
    guard = Guard(look, Allowance.of(["127.0.0.0/8"]))
    _, found = await guard.check("http://localhost:8025/hook")
    assert found == [ipaddress.ip_address("127.0.0.1")]
    for url in ("http://10.0.0.1/", "https://169.254.169.254/", "http://public.example.com/", "https://[::1]/"):
        with pytest.raises(Refused):
            await guard.check(url)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_asked(address):
    """A second opinion on the table."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert why_not(address) is not None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_disguise_is_never_asked(address):
    """Whatever it is: a translator in the operator's network could lead anywhere."""
    for prefix in ("::ffff:0:0", "64:ff9b::", "::"):
        assert why_not(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address))) is not None


@given(st.text(max_size=60))
def test_reading_a_url_ends_in_a_target_or_in_a_refusal(text):
    """Never in another error, and a target has nothing in it that could end a line."""
    for url in (text, f"https://{text}", f"https://public.example.com/{text}"):
        try:
            target = read(url)
        except Refused:
            continue
        assert (target.authority + target.path).isprintable()
        assert " " not in target.authority + target.path
