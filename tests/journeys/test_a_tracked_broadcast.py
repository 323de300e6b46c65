"""A broadcast whose links are tracked: everybody's lead to his own place, and who opts out on the way gets no more."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Iterator

import dkim as dkimpy
import pytest
from broadcasting import Client, has_ended
from test_who_opened_and_clicked import ask, news

from aftersend.control import domains
from aftersend.ledger.facts import Fact
from aftersend.store import accounts
from house import ACCOUNT, House, Sent, facts

FROM = "tracked.practice.test"


@pytest.fixture
def customer(house: House) -> Iterator[Client]:
    """A customer with a domain that signs."""
    given = {
        "fresh": domains.fresh_keys(),
        "secret": house.service.secret,
        "now": house.service.clock(),
        "sign_now": True,
    }
    house.do(domains.add, ACCOUNT, FROM, **given)
    house.refresh()
    client = Client(house)
    yield client
    client.close()
    house.do(domains.remove, ACCOUNT, FROM)
    house.refresh()


def parts(content: bytes) -> tuple[str, str, str]:
    """HTML, text and the opt-out of the header."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return html, text, str(message["List-Unsubscribe"]).strip("<>")


def verifies(house: House, content: bytes) -> bool:
    """Whether the signatures hold, and cover the fields for opting out (RFC 8058 §4)."""
    records = {
        f"{row.selector}._domainkey.{row.domain}.": row.record for row in house.ask(accounts.dkim_keys_of, ACCOUNT)
    }
    verifier = dkimpy.DKIM(content)
    signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    assert signatures
    assert all(b"list-unsubscribe" in value and b"list-unsubscribe-post" in value for value in signatures)
    return all(
        verifier.verify(idx=place, dnsfunc=lambda name, timeout=5: records[name.decode()].encode())
        for place in range(len(signatures))
    )


def started(customer: Client, message: dict[str, str], people: dict[str, str]) -> str:
    """Start a broadcast to people with names; return its id."""
    shown = customer.do("POST", "/broadcasts", {"name": "tracked", "message": message})["id"]
    listed = [{"to": address, "data": {"name": name}} for address, name in people.items()]
    customer.do("POST", f"/broadcasts/{shown}/recipients", {"recipients": listed})
    customer.do("POST", f"/broadcasts/{shown}/start")
    return str(shown)


def test_each_link_leads_to_its_own_place(house: House, customer: Client) -> None:
    """Own links, own picture, own opt-out, in a copy whose signature holds; the report tells who read it."""
    number = time.monotonic_ns()
    people = {f"opener{number}@one.practice.test": "Ann & Bob", f"trk{number}@one.practice.test": "Zoë"}
    html = (
        '<body><p>{{ name }}</p><a href="https://x.test/?who={{ name|urlencode }}">A</a><a href="https://y.test/">B</a>'
        '<a href="{{ unsubscribe_url }}">C</a></body>'
    )
    text = "Dear {{ name }}: {{ unsubscribe_url }}\n"
    shown = started(customer, {"from": f"Shop <shop@{FROM}>", "subject": "x", "html": html, "text": text}, people)
    assert customer.wait(shown, has_ended)["progress"]["by_outcome"]["reached"] == 2
    urls: set[str] = set()
    for address, destination in zip(people, ("Ann%20%26%20Bob", "Zo%C3%AB"), strict=True):
        (copy,) = house.received(address)
        assert verifies(house, copy.content)
        made, plain, opt_out = parts(copy.content)
        first, second, third = re.findall(r'<a href="([^"]+)"', made)
        assert f"Location: https://x.test/?who={destination}\r\n".encode() in ask(first)[1]
        assert b"Location: https://y.test/\r\n" in ask(second)[1]
        assert third in plain
        assert third.rpartition("/")[0] == opt_out.rpartition("/")[0]
        assert made.count("<img ") == 1
        urls |= {first, second, third, opt_out}
    assert len(urls) >= 6
    end = time.monotonic() + 90
    while customer.do("GET", f"/reports/reading?broadcast={shown}")["opens"]["human"] < 1:
        assert time.monotonic() < end
        time.sleep(0.05)
    found = customer.do("GET", f"/reports/reading?broadcast={shown}")
    assert found["delivered"] == 2
    assert found["open_rate"]["least"] >= 0.5


def test_who_opts_out_while_it_goes_on_gets_no_more(house: House, customer: Client) -> None:
    """A recipient whose server put him off opts out meanwhile, by an earlier message of the stream: he is held back."""
    number = time.monotonic_ns()
    address, other = f"greylist{number}@one.practice.test", f"trk-first{number}@one.practice.test"
    early = house.send(other, content=news(other, X_Aftersend_Stream="broadcast"))
    house.end_of(early)
    message = {"from": f"Shop <shop@{FROM}>", "subject": "x", "text": "Hello {{ name }}"}
    late = f"never{number}@one.practice.test"
    shown = started(customer, message, {address: "A", other: "B", late: "C"})
    opt_out = parts(house.received(other)[0].content)[2]
    assert ask(opt_out, "POST", b"List-Unsubscribe=One-Click")[0] == 200
    again = started(customer, message, {other: "B"})
    customer.wait(again, has_ended)
    (row,) = customer.rows(again)
    assert "suppressed" in row["facts"]
    customer.wait(shown, has_ended)
    assert {r["recipient"] for r in customer.rows(shown) if "delivered" in r["facts"]} >= {address}


def test_ordinary_mail_that_is_tracked_is_signed_as_it_goes_out(house: House, customer: Client) -> None:
    """HTML with letters of all kinds and long lines, by SMTP: the signature holds, and all but links and picture is the same."""
    for place, html in enumerate(
        (
            "<p>äöü – ß 中文</p>" + "x" * 3000 + '<a href="https://x.test/ä?b=1&amp;c=2">A</a>',
            "<html>\r\n<body>\r\n.\r\n..\r\n<a href='https://x.test/'>A</a>   \r\n\r\n</body></html>\r\n",
            '<!--[if mso]><a href="https://no.test/">A</a><![endif]--><a href="https://x.test/">B = =3D</a>',
        )
    ):
        recipient = f"trk-mime{time.monotonic_ns()}@one.practice.test"
        content = news(recipient, html).replace(b"shop@shop.practice.test>", f"shop@{FROM}>".encode(), 1)
        sent: Sent = house.send(recipient, content=content)
        assert Fact.DELIVERED in facts(house.end_of(sent))
        (copy,) = house.received(recipient)
        assert verifies(house, copy.content), place
        made, _, _ = parts(copy.content)
        (link,) = [each for each in re.findall(r"""<a href=["']([^"']+)""", made) if "/c/" in each]
        target = "https://x.test/ä?b=1&amp;c=2" if place == 0 else "https://x.test/"
        back = re.sub(r"<img [^>]+>", "", made).replace(link, target)
        assert back.split() == html.split()
