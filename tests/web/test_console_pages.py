"""What pages show: what is foreign is escaped, nothing runs but our own files, and nobody sees another account's mail."""

from __future__ import annotations

import csv
import gzip
import io
import re
from html import unescape

import httpx2
import msgspec
import pytest
from test_console_entering import browser, csrf, person

from aftersend import ids
from aftersend.ledger.facts import ALL, Fact
from aftersend.ledger.reasons import Reason
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.reports import log as email_log
from aftersend.store import finding
from aftersend.web.console import PAGES, icons, maillog, tones

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'
HTML = (
    "<p>Hi</p><script>alert(1)</script><form action='https://evil.example'><input></form>"
    "<img src='https://evil.example/pixel.gif'><style>@import 'https://evil.example/x.css';</style>"
    "<svg onload=alert(1)></svg><iframe src='https://evil.example'></iframe><meta http-equiv=refresh content='0;url=//evil'>"
)


@pytest.fixture
def client(house):
    """A browser of the first account's owner."""
    person(house)
    return browser(house, "ann@example.com")


def send(house, account_id=1, **fields):
    """Send a message; return the id of its delivery."""
    message = {"from": "shop@example.com", "to": "bob@example.net", "subject": "Hello", "text": "Hi"} | fields
    answer = house.client(account_id=account_id).post("/v1/messages", json=message)
    assert answer.status_code == 202, answer.text
    return answer.json()["deliveries"][0]["id"]


def test_every_page_can_be_opened(house, client):
    """By an owner who has nothing yet, and by one who has a template, a list, a stream and a webhook."""
    for _ in range(2):
        for page in PAGES:
            if page.method == "GET" and "{" not in page.path and page.path != "/log/live":
                answer = client.get(f"/console{page.path}")
                assert answer.status_code in (200, 303), page.path
        api = house.client()
        api.post("/v1/lists", json={"name": "letter"})
        api.put("/v1/templates/march", json={"source": "<p>Dear {{ name }}</p>", "subject": "For {{ name }}"})
        api.post("/v1/webhooks", json={"url": "https://hooks.example.com/s"})
        send(house)


def test_what_is_foreign_is_escaped_everywhere(house, client):
    """A hostile subject, name, tag, metadata, file name and SMTP reply are shown as text."""
    attached = {"filename": f"{HOSTILE}.txt", "content": "SGk=", "content_type": "text/plain"}
    delivery = send(
        house,
        subject=HOSTILE,
        **{"from": 'Shop "<script>" <shop@example.com>'},
        tags=["<script>"],
        metadata={"note": HOSTILE},
        html=HTML,
        attachments=[attached],
    )
    evidence = {"host": "<script>alert(3)</script>", "replies": [HOSTILE], "said": HOSTILE}
    house.happen(delivery, Fact.BOUNCED, reason=Reason.GENERAL_HARD_BOUNCE, evidence=evidence, status="5.0.0")
    for path in ("/console/log", f"/console/deliveries/{delivery}", f"/console/log?q={'%3Cscript%3E'}"):
        page = client.get(path)
        assert page.status_code == 200, page.text
        own = re.findall(r"<script\b[^>]*>", page.text)
        assert all(re.fullmatch(r'<script src="/console/static/[^"]+" defer>', tag) for tag in own), own
        assert "onerror=alert" not in page.text.replace("onerror=alert(2)&gt;", "")
        assert "7*7" in page.text or "log?q" in path


def test_every_page_is_under_a_strict_policy(house, client):
    """Nothing is run or loaded but our own files; nobody frames the console."""
    delivery = send(house)
    for path in (
        "/console/log",
        "/console/help",
        f"/console/deliveries/{delivery}",
        "/console/sign-in",
        "/console/none",
    ):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"(?:src|href|action)=[\"']?(?:https?:)?//", answer.text), path
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=", answer.text), path


def test_the_preview_has_no_rights(house, client):
    """The HTML of a message is shown as it is, in a sandbox without any right, and may load nothing."""
    delivery = send(house, html=HTML)
    page = client.get(f"/console/deliveries/{delivery}")
    assert re.search(r"<iframe [^>]*\bsandbox [^>]*>", page.text)
    assert "allow-" not in page.text
    message = re.search(r"/console/messages/(msg_\w+)/preview", page.text)[1]
    shown = client.get(f"/console/messages/{message}/preview")
    assert "<script>alert(1)</script>" in shown.text
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "img-src data:;" in policy


def test_nobody_sees_another_accounts_mail(house, client):
    """Every page with an id of another account answers as if there were nothing; lists do not name it."""
    mine = send(house)
    theirs = send(house, account_id=2, subject="Secret", to="eve@secret.example", tags=["secret"])
    message = house.client(account_id=2).get(f"/v1/deliveries/{theirs}").json()["message_id"]
    said = {"from": "shop@example.com", "subject": "Secret", "text": "Secret"}
    broadcast = house.client(account_id=2).post("/v1/broadcasts", json={"name": "Secret", "message": said}).json()["id"]
    owner = house.client(account_id=2)
    owner.post("/v1/domains", json={"name": "hidden.example"})
    owner.put("/v1/suppressions/eve@secret.example", json={"why": "secret"})
    owner.post("/v1/streams", json={"name": "secret"})
    eve = {"name": "Secret", "addresses": [{"address": "eve@secret.example"}]}
    contact = owner.post("/v1/contacts", json=eve).json()["id"]
    owner.put("/v1/templates/hidden", json={"source": "<p>Secret</p>", "subject": "Secret"})
    key = next(one for one in owner.get("/v1/keys").json()["data"])
    someone = ids.show("usr", person(house, "eve@secret.example", account_id=2))
    things = {
        "deliveries": theirs,
        "messages": message,
        "broadcasts": broadcast,
        "keys": key["id"],
        "people": someone,
        "domains": "hidden.example",
        "contacts": contact,
        "templates": "hidden",
        "webhooks": owner.post("/v1/webhooks", json={"url": "https://hooks.example.com/s"}).json()["id"],
    }
    word = csrf(client.get("/console/log"))
    for page in PAGES:
        if page.needs is None or page.path in (
            "/sign-out",
            "/log/live",
            "/me/second-step",
            "/me/second-step/end",
            "/me/password",
            "/settings",
        ):
            continue
        kind = page.path.split("/")[1]
        path = re.sub(r"\{(id|name)\}", things.get(kind, theirs), f"/console{page.path}").replace("{verb}", "cancel")
        form = (
            {"csrf": word, "role": "analyst", "address": "eve@secret.example"}
            if page.path != "/suppressions"
            else {"csrf": word}
        )
        answer = client.request(page.method, path, **({"data": form} if page.method == "POST" else {}))
        assert "secret" not in answer.text.lower().replace("eve@secret.example", ""), path
        if "{id}" in page.path or "{name}" in page.path:
            assert answer.status_code == 404, path
    assert owner.get("/v1/suppressions/eve@secret.example").status_code == 200
    assert owner.get("/v1/domains/hidden.example").status_code == 200
    assert [one["id"] for one in owner.get("/v1/keys").json()["data"] if one["revoked_at"]] == []
    assert house.client(account_id=2).get(f"/v1/deliveries/{theirs}").json()["ended"] is False
    assert client.get(f"/console/deliveries/{mine}").status_code == 200


def test_a_delivery_can_be_cancelled_sent_again_and_its_address_suppressed(house, client):
    """What can be done about a delivery is done, and written down under the person's name."""
    delivery = send(house)
    word = {"csrf": csrf(client.get("/console/log"))}
    assert client.post(f"/console/deliveries/{delivery}/cancel", data=word).status_code == 303
    assert "cancelled" in house.client().get(f"/v1/deliveries/{delivery}").json()["facts"]
    again = client.post(f"/console/deliveries/{delivery}/resend", data=word)
    assert again.headers["location"] != f"/console/deliveries/{delivery}"
    assert client.get(again.headers["location"]).status_code == 200
    client.post(f"/console/deliveries/{delivery}/suppress", data=word)
    assert house.client().get("/v1/suppressions/bob@example.net").json()["data"]
    assert "Not mailed any more" in client.get(f"/console/deliveries/{delivery}").text
    client.post(f"/console/deliveries/{delivery}/unsuppress", data=word)
    assert house.client().get("/v1/suppressions/bob@example.net").status_code == 404
    who = {row["who"] for row in house.client().get("/v1/audit").json()["data"]}
    assert "ann@example.com" in who


def test_later_facts_stand_beside_the_headline(house, client):
    """A bounce after the delivery is said on the same line of the log, on the page, and in the picture."""
    delivery = send(house)
    house.happen(delivery, Fact.TREATED)
    house.happen(delivery, Fact.DELIVERED)
    house.happen(delivery, Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT, status="5.1.1")
    row = client.get("/console/log").text
    assert "later returned" in row
    page = client.get(f"/console/deliveries/{delivery}").text
    assert "Delivered, later returned" in page
    assert re.search(r'class="step-beside">[^<]*later returned', page)


def test_the_search_box_and_the_address_say_the_same(house, client):
    """What is typed becomes words of the API in the address; what is wrong is told on the page."""
    send(house)
    typed = client.get(
        "/console/log", params={"find": 'status:"Soft Bounced" domain:example.net hello', "since": "24h"}
    )
    assert typed.headers["location"] == "/console/log?status=Soft+Bounced&domain=example.net&q=hello&since=24h"
    shown = client.get(typed.headers["location"])
    assert "Nothing matches" in shown.text
    assert 'value="status:&#34;Soft Bounced&#34; domain:example.net hello"' in shown.text
    wrong = client.get("/console/log?statsu=Bounced")
    assert wrong.status_code == 422
    assert "Did you mean status" in wrong.text


def test_what_is_typed_is_read_and_written():
    """Writing words and reading them again gives the same words."""
    words = [("status", "results:Soft Bounced"), ("metadata.order", "4711"), ("domain", "example.com"), ("q", "hello")]
    assert maillog.read(maillog.write(words)) == words
    assert maillog.read("") == []
    assert maillog.read("two words") == [("q", "two words")]


def test_exports_have_exactly_the_rows_of_the_search(house, client):
    """CSV for spreadsheets, in which nothing is a formula, and JSON by the line."""
    for i in range(3):
        send(house, subject=f"=cmd|{i}", to=f"a{i}@example.net")
    send(house, to="else@example.org")
    answer = client.get("/console/log.csv?domain=example.net")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["recipient"] for row in rows] == ["a2@example.net", "a1@example.net", "a0@example.net"]
    assert rows[0]["subject"] == "'=cmd|2"
    lines = client.get("/console/log.ndjson?domain=example.net").text.splitlines()
    assert [msgspec.json.decode(line)["recipient"] for line in lines] == [row["recipient"] for row in rows]


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_exports_of_many_parts_have_each_row_once(house, client, monkeypatch, ending):
    """However many rows there are, they are read and sent in parts."""
    monkeypatch.setattr(email_log, "PART", 2)
    for i in range(5):
        send(house, to=f"a{i}@example.net")
    lines = client.get(f"/console/log.{ending}").text.splitlines()
    assert [re.findall(r"a\d@example\.net", line)[0] for line in lines if "@" in line] == [
        f"a{i}@example.net" for i in (4, 3, 2, 1, 0)
    ]
    assert client.head(f"/console/log.{ending}").status_code == 200
    assert client.get(f"/console/log.{ending}?since=nonsense").status_code == 422


def test_an_export_with_a_fault_on_the_way_breaks_off(house, client, monkeypatch):
    """What is cut short is not taken for all there is; the next request is answered."""
    monkeypatch.setattr(email_log, "PART", 2)
    for i in range(5):
        send(house, to=f"a{i}@example.net")
    real = email_log.part

    def failing(*args, after=None):
        if after is not None:
            raise RuntimeError("the disk is gone")
        return real(*args, after=after)

    monkeypatch.setattr(email_log, "part", failing)
    with pytest.raises(httpx2.HTTPError):
        client.get("/console/log.csv")
    assert client.get("/console/log").status_code == 200


def test_a_page_without_time_says_how_far_it_looked_and_where_to_go_on(house, client, monkeypatch):
    """Following the link finds all rows of the search, each once, in both directions."""
    monkeypatch.setattr(maillog, "LOOKS_FOR_US", 0)
    monkeypatch.setattr(finding, "NEAR", 2)
    there = [send(house, to=f"a{i}@{'rare' if i in (1, 6) else 'example'}.net") for i in range(9)]
    ends = {"since": "/console/log?domain=rare.net", "until": f"/console/log?domain=rare.net&before={there[0]}"}
    for word, place in ends.items():
        found = []
        while place:
            page = client.get(place).text
            found += re.findall(r'class="row-link" href="/console/deliveries/(dlv_\w+)"', page)
            is_cut = f"Looked at everything {word}" in page
            further = re.search(r'<a href="(/console/log\?[^"]+)">Look further</a>', page)
            assert is_cut == bool(further)
            place = unescape(further[1]) if further else None
        expected = [there[i] for i in (1, 6)]
        assert found == (expected[::-1] if word == "since" else expected)
    assert "No more rows match" in page
    monkeypatch.setattr(maillog, "LOOKS_FOR_US", 10**9)
    assert "Nothing matches" in client.get("/console/log?domain=nowhere.net").text


def test_searches_are_kept_by_name_and_forgotten(house, client):
    """A saved search stands among the views until it is forgotten; it belongs to the person."""
    word = csrf(client.get("/console/log"))
    client.post("/console/log/save", data={"csrf": word, "name": "My bounces", "query": "status=Bounced"})
    assert "My bounces" in client.get("/console/log").text
    person(house, "dan@example.com", "analyst")
    assert "My bounces" not in browser(house, "dan@example.com").get("/console/log").text
    client.post("/console/log/forget", data={"csrf": word, "name": "My bounces"})
    client.get("/console/log")
    assert "My bounces" not in client.get("/console/log").text


def test_rows_that_come_while_one_looks_are_told(house, client):
    """The stream of the log says how many rows are newer than the first one shown."""
    newest = send(house)
    send(house)
    with client.stream("GET", f"/console/log/live?newest={newest}") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        seen = [next(lines) for _ in range(4)]
    assert "event: newer" in seen
    assert "data: 1" in seen


def test_every_word_has_a_meaning_a_look_and_a_place(client):
    """The help page holds every word of every vocabulary and every fact, under the address that words link to."""
    page = client.get("/console/help").text
    for name, vocabulary in VOCABULARIES.items():
        for word, _ in vocabulary.words:
            assert f'id="{name.replace("_", "-")}-' in page
            assert tones.look(name, word).icon in icons.NAMES
            assert word in tones.LOOKS[name] or word.partition("/")[0] in tones.LOOKS[name], word
    for fact in ALL:
        assert f'id="fact-{fact.word.replace("_", "-")}"' in page
    targets = set(re.findall(r'href="/console/help#([\w-]+)"', page))
    assert targets <= set(re.findall(r'id="([\w-]+)"', page))


def test_static_files_are_kept_for_ever_under_their_hash(client):
    """Style, scripts and type have addresses with a hash in them; they come compressed; a wrong hash is nothing."""
    page = client.get("/console/help").text
    for path in re.findall(r'"(/console/static/[^"]+)"', page):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/console/static/0000000000000000/console.css").status_code == 404
    assert len(gzip.compress(page.encode())) < 150_000
