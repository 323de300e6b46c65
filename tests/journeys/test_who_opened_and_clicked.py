"""People and machines look at a message: only what people do is Opened, Clicked, Read or Unsubscribed."""

from __future__ import annotations

import re
import socket
import time
from email.message import EmailMessage
from typing import Any

import pytest

from aftersend import ids
from aftersend.clock import DAY
from aftersend.ledger.facts import BY_WORD, Fact
from aftersend.practice.behaviours import BEHAVIOURS
from aftersend.store import hits, tracking_modes
from house import ACCOUNT, SENDER, House, Sent, facts, is_explained, kinds

ASIDE = {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED}
TARGETS = ["https://shop.example/a?x=1&y=2", "https://shop.example/b", "https://shop.example/c"]


def news(recipient: str, html: str | None = None, **headers: str) -> bytes:
    """A message in HTML with links."""
    message = EmailMessage()
    message["From"] = f"Practice Shop <{SENDER}>"
    message["To"] = recipient
    message["Subject"] = "News"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello,\n\nthis is news.\n")
    links = "".join(f'<p><a href="{url.replace("&", "&amp;")}">Offer</a></p>' for url in TARGETS)
    message.add_alternative(html or f"<html><body><h1>News</h1>{links}</body></html>", subtype="html")
    return message.as_bytes().replace(b"\n", b"\r\n")


def visited(house: House, name: str, *expected: Fact) -> dict[str, Any]:
    """Send to an address of the practice world and wait for the facts; return the row, a moment after."""
    recipient = f"{name}@one.practice.test"
    sent = house.send(recipient, content=news(recipient))
    house.wait(sent, lambda row: set(expected) <= {BY_WORD[word] for word in row["facts"]})
    time.sleep(0.3)
    row = house.row(sent)
    house.conserves(sent)
    assert is_explained(row)
    return row


def test_a_reader_opens_reads_and_clicks(house: House) -> None:
    """Opened, then Read, then Clicked, each with its proof, in the order in which they happened."""
    row = visited(house, "reader501", Fact.OPENED, Fact.READ, Fact.CLICKED)
    assert facts(row) - ASIDE == {Fact.OPENED, Fact.READ, Fact.CLICKED}
    assert kinds(row)[-3:] == ["opened", "read", "clicked"]
    assert row["status"]["result"] == "Opened"
    times = [event["occurred_at_us"] if "occurred_at_us" in event else event["occurred_at"] for event in row["events"]]
    assert times == sorted(times)


@pytest.mark.parametrize("name", ["opener", "clicker", "gmail-proxy", "apple-proxy"])
def test_each_visitor_leads_where_the_table_says(house: House, name: str) -> None:
    """What `aftersend practice addresses` promises of visitors comes true, and no more."""
    wanted = {later.fact for later in BEHAVIOURS[name].later}
    row = visited(house, f"{name}502", *wanted)
    assert facts(row) - ASIDE == wanted
    assert (row["status"]["result"] == "Opened") == (name != "apple-proxy")


def test_a_scanner_opens_nothing_and_opts_nobody_out(house: House) -> None:
    """It fetches everything, follows every link and presses every GET: no Opened, no Clicked, no Unsubscribed."""
    row = visited(house, "scanner503", Fact.OPENED_BY_MACHINE, Fact.CLICKED_BY_MACHINE)
    assert facts(row) - ASIDE == {Fact.OPENED_BY_MACHINE, Fact.CLICKED_BY_MACHINE}
    assert row["status"]["result"] == "Delivered"
    assert house.suppressed("scanner503@one.practice.test") == []


def test_an_opt_out_is_in_force_at_once(house: House) -> None:
    """One click (RFC 8058) is Unsubscribed; the next message of that stream is held back, one of another stream is not."""
    recipient = "unsubscriber504@one.practice.test"
    row = visited(house, "unsubscriber504", Fact.UNSUBSCRIBED)
    assert row["status"]["result"] == "Delivered"
    (entry,) = house.suppressed(recipient)
    assert (entry["cause"], entry["stream"], entry["expires_us"]) == ("unsubscribed", "transactional", None)
    again = house.end_of(house.send(recipient, content=news(recipient)))
    assert Fact.SUPPRESSED in facts(again)
    other = house.end_of(house.send(recipient, content=news(recipient, X_Aftersend_Stream="broadcast")))
    assert Fact.DELIVERED in facts(other)


def ask(
    url: str, method: str = "GET", body: bytes = b"", agent: str = "Mozilla/5.0 Firefox/140.0"
) -> tuple[int, bytes]:
    """Make one request; return the status and the whole answer."""
    host, port = url.removeprefix("http://").partition("/")[0].split(":")
    head = f"{method} /{url.split('/', 3)[3]} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)
        said = b""
        while data := connection.recv(65536):
            said += data
    return int(said.split(b" ")[1]), said


def links_of(house: House, recipient: str) -> tuple[list[str], str, str]:
    """The links, the picture and the opt-out of the latest message to a recipient."""
    import email
    import email.policy

    message = email.message_from_bytes(house.received(recipient)[-1].content, policy=email.policy.default)
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    (picture,) = re.findall(r'<img src="([^"]+)"', html)
    return re.findall(r'<a href="([^"]+)"', html), picture, str(message["List-Unsubscribe"]).strip("<>")


def sent_to(house: House, recipient: str, content: bytes | None = None) -> Sent:
    """Send and wait until it has arrived."""
    sent = house.send(recipient, content=content or news(recipient))
    house.end_of(sent)
    return sent


def test_links_lead_where_they_led(house: House) -> None:
    """Each link answers with its own destination, whoever asks; nothing else is revealed, and an altered one leads nowhere."""
    recipient = "links505@one.practice.test"
    sent_to(house, recipient)
    links, picture, _ = links_of(house, recipient)
    for link, target in zip(links, TARGETS, strict=True):
        assert recipient not in link
        status, said = ask(link)
        assert status == 302
        assert f"Location: {target}\r\n".encode() in said
    assert ask(links[0][:-1] + ("A" if links[0][-1] != "A" else "B"))[0] == 404
    assert ask(links[0], "POST")[0] == 405
    status, said = ask(picture)
    assert (status, said[-1:], b"image/gif" in said) == (200, b";", True)
    assert ask(picture.replace("/o/", "/c/").replace(".gif", ""))[0] == 404


def test_looking_at_the_page_changes_nothing(house: House) -> None:
    """GET and HEAD of the opt-out show a page; the button takes effect, anything else does not."""
    recipient = "page506@one.practice.test"
    sent = sent_to(house, recipient)
    opt_out = links_of(house, recipient)[2]
    for _ in range(2):
        status, said = ask(opt_out)
        assert status == 200
        assert b'<form method="post">' in said
        assert recipient.encode() not in said
        assert ask(opt_out, "HEAD")[0] == 200
        assert ask(opt_out, "POST", b"anything=else")[0] == 400
    assert house.suppressed(recipient) == []
    assert ask(opt_out, "POST", b"confirm=yes")[0] == 200
    assert [entry["cause"] for entry in house.suppressed(recipient)] == ["unsubscribed"]
    assert ask(opt_out, "POST", b"List-Unsubscribe=One-Click")[0] == 200
    row = house.row(sent)
    assert kinds(row).count("unsubscribed") == 1


def test_what_is_off_is_not_tracked(house: House) -> None:
    """A message that says so has its own links, no picture; so has a recipient who chose it."""
    recipient = "off507@one.practice.test"
    sent_to(house, recipient, news(recipient, X_Aftersend_Track="none"))
    content = house.received(recipient)[-1].content
    assert b"https://shop.example/b" in content
    assert b"/o/" not in content
    html = f'<p><a href="{TARGETS[0]}">x</a> <a href="{{{{ preferences_url }}}}">choices</a></p>'
    sent_to(house, recipient, news(recipient, html))
    links, _, _ = links_of(house, recipient)
    choices = next(link for link in links if "/p/" in link)
    assert b"What would you like?" in ask(choices)[1]
    assert b"is not noticed" in ask(choices, "POST", b"choice=track_off")[1]
    sent_to(house, recipient)
    assert b"https://shop.example/b" in house.received(recipient)[-1].content
    assert b"<img" not in house.received(recipient)[-1].content
    ask(choices, "POST", b"choice=track_on")
    sent_to(house, recipient)
    assert b"https://shop.example/b" not in house.received(recipient)[-1].content
    ask(choices, "POST", b"choice=leave_all")
    assert house.suppressed(recipient)[0]["stream"] == ""


def test_for_deliverability_only_the_day_is_kept(house: House) -> None:
    """Links lead where they led, the picture is there; of who fetches it the day is written down, and no fact."""
    recipient = "day509@one.practice.test"
    choice = {"source": "a test", "now": house.service.clock()}
    house.do(tracking_modes.put, ACCOUNT, "recipient", recipient, "deliverability", **choice)
    sent = sent_to(house, recipient)
    links, picture, _ = links_of(house, recipient)
    assert links[1] == TARGETS[1]
    assert ask(picture)[0] == 200
    number = ids.read("dlv", house.rows(sent)[0]["id"])
    end = time.monotonic() + 90
    while not (kept := house.ask(hits.of_delivery, ACCOUNT, number)):
        assert time.monotonic() < end
        time.sleep(0.05)
    (hit,) = kept
    assert (hit["kind"], hit["ip"], hit["agent"], hit["said"], hit["at_us"] % DAY) == ("seen", "", None, None, 0)
    time.sleep(0.3)
    assert facts(house.row(sent)) == ASIDE


def test_every_hit_is_kept_with_what_is_thought_of_it(house: House) -> None:
    """A hit is there within two seconds, with its verdict and reasons; one answered twice is kept twice."""
    recipient = "kept508@one.practice.test"
    sent = sent_to(house, recipient)
    _, picture, _ = links_of(house, recipient)
    delivery = int(house.ask(lambda c: hits.waiting(c, now=0, limit=1)) == []) and house.rows(sent)[0]["id"]
    for _ in range(3):
        ask(picture, agent="curl/8.0")
    end = time.monotonic() + 90
    while True:
        kept = house.ask(hits.of_delivery, ACCOUNT, ids.read("dlv", delivery))
        if len(kept) == 3 and all(hit["labels"] for hit in kept):
            break
        assert time.monotonic() < end, kept
        time.sleep(0.05)
    assert {hit["labels"][-1]["verdict"] for hit in kept} == {"machine"}
    assert all(hit["labels"][-1]["reasons"] for hit in kept)
