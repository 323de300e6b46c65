"""What people keep in order in the console: addresses, queue, domains, keys, streams, people, themselves."""

from __future__ import annotations

import base64
import re

import pytest
from test_console_entering import PASSWORD, browser, csrf, person
from test_console_pages import send

from aftersend import ids
from aftersend.clock import now
from aftersend.control import totp
from aftersend.store import people


@pytest.fixture
def owner(house):
    """A browser of an owner, with the word of its forms."""
    person(house)
    client = browser(house, "ann@example.com")
    word = {"csrf": csrf(client.get("/console/log"))}
    client.word = word
    return client


def test_an_address_is_put_on_the_list_and_taken_off(house, owner):
    """With why, and in the audit under the person's name."""
    form = {"address": "Bob@Example.net", "why": "asked by phone", **owner.word}
    assert owner.post("/console/suppressions", data=form).status_code == 303
    page = owner.get("/console/suppressions?q=bob").text
    assert "bob@example.net" in page
    assert "asked by phone" in page
    assert "Nothing matches" in owner.get("/console/suppressions?q=nobody").text
    wrong = owner.post("/console/suppressions", data=form | {"address": "nonsense"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    off = {"address": "bob@example.net", "stream": "", **owner.word}
    assert owner.post("/console/suppressions/remove", data=off).status_code == 303
    assert house.client().get("/v1/suppressions/bob@example.net").status_code == 404
    assert owner.get("/console/audit").text.count("ann@example.com") >= 2


def test_a_complaint_stays_when_somebody_puts_the_address_on_the_list(house, owner):
    """The page says what stands and why, instead of that something was done."""
    api = house.client()
    api.put("/v1/suppressions/bob@example.net", json={"cause": "complained"})
    form = {"address": "bob@example.net", "why": "asked by phone", **owner.word}
    assert (
        "reported a message as spam: that entry"
        in owner.post("/console/suppressions", data=form, follow_redirects=True).text
    )
    assert api.get("/v1/suppressions/bob@example.net").json()["data"][0]["cause"] == "complained"


def test_one_entry_is_taken_off_and_the_others_stay(house, owner):
    """Who has opted out of a stream stays opted out when the entry for all streams goes, and the page says so."""
    api = house.client()
    api.put("/v1/suppressions/bob@example.net", json={"cause": "unsubscribed", "stream": "general"})
    api.put("/v1/suppressions/bob@example.net", json={})
    off = {"address": "bob@example.net", "stream": "", **owner.word}
    shown = owner.post("/console/suppressions/remove", data=off, follow_redirects=True).text
    assert "another entry still stops mail to this address" in shown
    (left,) = api.get("/v1/suppressions/bob@example.net").json()["data"]
    assert (left["stream"], left["cause"]) == ("general", "unsubscribed")
    off["stream"] = "general"
    assert "is written to again" in owner.post("/console/suppressions/remove", data=off, follow_redirects=True).text


def test_many_are_acted_on_only_after_they_were_counted(house, owner):
    """The first press says how many, the second does it."""
    for i in range(3):
        send(house, to=f"a{i}@example.net")
    send(house, to="else@example.org")
    form = {"action": "hold", "find": "domain:example.net", **owner.word}
    counted = owner.post("/console/queue", data=form)
    assert "Hold: 3 deliveries" in counted.text
    assert "held" not in {row["stage"] for row in house.client().get("/v1/queue").json()["data"]}
    done = owner.post("/console/queue", data=form | {"sure": "yes"})
    assert done.status_code == 303
    assert "3 done" in owner.get("/console/queue").text
    assert owner.get("/console/queue").text.count("Held") >= 1
    wrong = owner.post("/console/queue", data={"action": "explode", **owner.word})
    assert wrong.status_code == 422


def test_a_domain_is_added_checked_and_removed(house, owner):
    """The wizard shows the records with names in both forms, and what a check found of each."""
    added = owner.post("/console/domains", data={"name": "Example.com", **owner.word})
    assert added.headers["location"] == "/console/domains/example.com"
    page = owner.get("/console/domains/example.com").text
    assert "_domainkey.example.com" in page
    assert "v=DKIM1" in page
    assert page.count("Not checked") >= 4
    owner.post("/console/domains/example.com/check", data=owner.word)
    page = owner.get("/console/domains/example.com").text
    assert "Missing" in page
    owner.post("/console/domains/example.com/rotate", data=owner.word)
    assert (
        owner.get("/console/domains/example.com").text.count("_domainkey.example.com")
        > page.count("_domainkey.example.com") - 1
    )
    owner.post("/console/domains/example.com/remove", data=owner.word)
    assert owner.get("/console/domains/example.com").status_code == 404
    assert owner.post("/console/domains", data={"name": "no domain", **owner.word}).status_code == 422


def test_a_key_is_shown_once(house, owner):
    """It works, is listed by its beginning only, and is useless once revoked."""
    made = owner.post("/console/keys", data={"name": "Shop", "scope": ["send", "read"], "networks": "", **owner.word})
    secret = re.search(r"as_live_\w+", made.text)[0]
    assert house.client(key=secret).get("/v1/account").status_code == 200
    page = owner.get("/console/keys").text
    assert secret not in page
    number = re.search(r"/console/keys/(key_\w+)/revoke", page)[1]
    owner.post(f"/console/keys/{number}/revoke", data=owner.word)
    assert house.client(key=secret).get("/v1/account").status_code == 401
    assert owner.post("/console/keys", data={"name": "", **owner.word}).status_code == 422


def test_a_stream_is_set(house, owner):
    """And a rate that nobody can read is refused with words."""
    form = {"name": "letters", "kind": "general", "lifetime_hours": "48", "hours": "", "rate": "600/hour", **owner.word}
    assert owner.post("/console/streams", data=form).status_code == 303
    assert "600/hour" in owner.get("/console/streams").text
    wrong = owner.post("/console/streams", data=form | {"rate": "quickly"})
    assert wrong.status_code == 422
    assert 'value="quickly"' in wrong.text
    assert owner.post("/console/streams", data=form | {"lifetime_hours": "long"}).status_code == 422


def test_rates_beside_those_of_streams_come_and_go(house, owner):
    """Those of what mail goes from are for those who run the installation."""
    form = {"scope": "site", "name": "google.com", "rate": "600/hour", **owner.word}
    assert owner.post("/console/streams/rates", data=form).status_code == 303
    address = {"scope": "address", "name": "192.0.2.1", "rate": "warm-up", **owner.word}
    assert owner.post("/console/streams/rates", data=address).status_code == 303
    page = owner.get("/console/streams").text
    assert "google.com" in page
    assert "192.0.2.1" in page
    wrong = owner.post("/console/streams/rates", data=form | {"rate": "quickly"})
    assert wrong.status_code == 422
    assert "quickly" in wrong.text
    person(house, "eve@example.net", account_id=2)
    eve = browser(house, "eve@example.net")
    theirs = {"csrf": csrf(eve.get("/console/log"))}
    assert eve.post("/console/streams/rates", data=address | theirs).status_code == 403
    assert eve.post("/console/streams/rates", data=form | theirs | {"everywhere": "1"}).status_code == 403
    assert eve.post("/console/streams/rates", data={"scope": "account", "rate": "9/day", **theirs}).status_code == 303
    gone = {"scope": "account", "remove": "1", "name": "", **theirs}
    assert eve.post("/console/streams/rates", data=gone).status_code == 303
    assert owner.post("/console/streams/rates", data=address | {"everywhere": "1", "remove": "1"}).status_code == 303
    assert "192.0.2.1" not in owner.get("/console/streams").text


def test_a_person_is_invited_given_a_role_and_taken_out(house, owner):
    """The link works once; whoever is taken out is signed out at once; there is always an owner."""
    shown = owner.post(
        "/console/people", data={"email": "dan@example.com", "name": "Dan", "role": "sender", **owner.word}
    )
    token = re.search(r"/console/welcome/([\w-]+)", shown.text)[1]
    dan = browser(house)
    assert dan.post(f"/console/welcome/{token}", data={"password": PASSWORD}).status_code == 303
    assert dan.get("/console/first-mail").status_code == 200
    assert dan.get("/console/people").status_code == 403
    assert dan.get("/console/keys").status_code == 403
    rows = dict(
        re.findall(
            r'<span class="under">([^<]+@[^<]+)</span>.*?/console/people/(usr_\w+)/role',
            owner.get("/console/people").text,
            re.DOTALL,
        )
    )
    number = rows["dan@example.com"]
    owner.post(f"/console/people/{number}/role", data={"role": "analyst", **owner.word})
    assert dan.get("/console/first-mail").status_code == 403
    owner.post(f"/console/people/{number}/remove", data=owner.word)
    assert dan.get("/console/log").status_code == 303
    mine = rows["ann@example.com"]
    assert owner.post(f"/console/people/{mine}/role", data={"role": "admin", **owner.word}).status_code == 409
    assert owner.post(f"/console/people/{mine}/remove", data=owner.word).status_code == 409


def test_a_new_link_changes_a_forgotten_password(house, owner):
    """And ends the sessions that were there."""
    person(house, "dan@example.com", "sender")
    dan = browser(house, "dan@example.com")
    page = owner.get("/console/people").text
    number = re.search(r"dan@example\.com.*?/console/people/(usr_\w+)/link", page, re.DOTALL)[1]
    shown = owner.post(f"/console/people/{number}/link", data=owner.word)
    token = re.search(r"/console/welcome/([\w-]+)", shown.text)[1]
    new = "another sentence, long enough"
    browser(house).post(f"/console/welcome/{token}", data={"password": new})
    assert dan.get("/console/log").status_code == 303
    assert dan.post("/console/sign-in", data={"email": "dan@example.com", "password": new}).status_code == 303


def test_no_link_opens_another_account(house, owner):
    """An owner who adds somebody of another account gets no link with which to sign in as them."""
    number = ids.show("usr", person(house, "eve@example.com", "owner", account_id=2))
    added = owner.post("/console/people", data={"email": "eve@example.com", "role": "analyst", **owner.word})
    assert added.status_code == 303
    answer = owner.post(f"/console/people/{number}/link", data=owner.word)
    assert answer.status_code == 403
    assert "/console/welcome/" not in answer.text


def test_whoever_was_only_invited_cannot_be_taken_over_by_another_account(house, owner):
    """A link opens every account of its user: none is made for somebody whom another account has invited, and none that
    was made before opens an account that comes later.
    """
    other = browser(house)
    person(house, "eve@example.com", "owner", account_id=2)
    other = browser(house, "eve@example.com")
    theirs = {"csrf": csrf(other.get("/console/people"))}
    invited = {"email": "new@example.com", "name": "New", "role": "owner"}
    assert "/console/welcome/" in other.post("/console/people", data=invited | theirs).text
    answer = owner.post("/console/people", data=invited | {"role": "analyst", **owner.word})
    assert answer.status_code == 422
    assert "/console/welcome/" not in answer.text
    assert "new@example.com" not in [user.email for user, _ in house.ask(people.of_account, 1)]

    dan = person(house, "dan@example.com", "sender")
    shown = owner.post(f"/console/people/{ids.show('usr', dan)}/link", data=owner.word)
    token = re.search(r"/console/welcome/([\w-]+)", shown.text)[1]
    added = {"email": "dan@example.com", "name": "Dan", "role": "analyst"}
    assert other.post("/console/people", data=added | theirs).status_code == 303
    assert browser(house).get(f"/console/welcome/{token}").status_code == 404


def test_the_only_owner_stays_owner_also_when_invited_again(house, owner):
    """There is no way around the rule that somebody owns an account."""
    form = {"email": "ann@example.com", "name": "Ann", "role": "analyst", **owner.word}
    assert owner.post("/console/people", data=form).status_code == 422
    assert house.ask(people.of_account, 1)[0][1] == "owner"


def test_people_change_their_own_password_name_and_zone(house, owner):
    """The present password is asked for; other sessions end, this one goes on; times are shown in the chosen zone."""
    other = browser(house, "ann@example.com")
    new = "another sentence, long enough"
    wrong = owner.post("/console/me/password", data={"old": "nonsense here", "password": new, **owner.word})
    assert wrong.status_code == 422
    assert owner.post("/console/me/password", data={"old": PASSWORD, "password": new, **owner.word}).status_code == 303
    assert owner.get("/console/me").status_code == 200
    assert other.get("/console/me").status_code == 303
    word = {"csrf": csrf(owner.get("/console/me"))}
    owner.post("/console/me", data={"name": "Ann B.", "zone": "Asia/Tokyo", **word})
    send(house)
    page = owner.get("/console/log").text
    assert "Ann B." in page
    assert "JST" in page
    assert owner.post("/console/me", data={"name": "Ann", "zone": "Nowhere/Else", **word}).status_code == 422


def test_a_second_step_is_turned_on_with_a_code_and_off_with_the_password(house, owner):
    """It counts only when the app has shown that it has the secret."""
    shown = owner.post("/console/me/second-step", data=owner.word).text
    secret = re.search(r'name="secret" value="(\w+)"', shown)[1]
    wrong = owner.post("/console/me/second-step/finish", data={"secret": secret, "code": "000000", **owner.word})
    assert wrong.status_code == 422
    code = totp.code(base64.b32decode(secret), now() // 30_000_000)
    owner.post("/console/me/second-step/finish", data={"secret": secret, "code": code, **owner.word})
    assert house.ask(people.by_email, "ann@example.com").totp is not None
    assert owner.post("/console/me/second-step/end", data={"password": "nonsense", **owner.word}).status_code == 422
    owner.post("/console/me/second-step/end", data={"password": PASSWORD, **owner.word})
    assert house.ask(people.by_email, "ann@example.com").totp is None


def test_the_audit_is_walked_and_searched(house, owner):
    """Page after page, every change once; by a part of any of its words, which is text and nothing else."""
    for i in range(60):
        form = {"address": f"a{i}@example.net", "why": "x", **owner.word}
        assert owner.post("/console/suppressions", data=form).status_code == 303
    first = owner.get("/console/audit").text
    onward = re.search(r'href="(/console/audit\?after=[^"]+)"', first)[1]
    both = first + owner.get(onward).text
    assert [both.count(f">a{i}@example.net<") for i in range(60)] == [1] * 60
    found = owner.get("/console/audit?q=A17@EXAMPLE").text
    assert found.count("@example.net<") == 1
    assert "No change has this text" in owner.get("/console/audit?q=%25").text
    api = house.client()
    assert len(api.get("/v1/audit?q=suppressed&limit=3").json()["data"]) == 3
    assert api.get("/v1/audit?before=x").status_code == 422


def test_settings_are_shown_to_those_who_run_the_installation(house, owner):
    """What counts, from where, what it means; another account's owner does not see them, nor the line of the menu."""
    page = owner.get("/console/settings").text
    row = re.search(r'<tr id="retention.events">.*?</tr>', page, re.DOTALL)[0]
    assert "<code>100</code>" in row
    assert "environment" in row
    assert "395" in row
    assert "seen by nobody" not in page
    assert "(set)" in page
    assert 'href="/console/settings"' in page
    person(house, "eve@example.com", account_id=2)
    other = browser(house, "eve@example.com")
    assert other.get("/console/settings").status_code == 403
    assert 'href="/console/settings"' not in other.get("/console/log").text


def test_health_and_refusals_are_shown(house, owner):
    """What is in order, and what was handed in and not taken."""
    house.client().post("/v1/messages", json={"from": "a@example.com", "to": "nonsense", "subject": "x", "text": "y"})
    page = owner.get("/console/health").text
    assert "In order" in page
    assert "Size of the database" in page
    assert owner.get("/console/refusals").status_code == 200


def test_a_webhook_is_made_paused_and_removed(house, owner):
    """Its secret is shown once; a place that may not be asked is refused with the reason."""
    form = {"url": "https://hooks.example.com/mail", "name": "Shop", "event": ["delivery.bounced"], **owner.word}
    made = owner.post("/console/webhooks", data=form)
    secret = re.search(r"whsec_[\w+/=]+", made.text)[0]
    page = owner.get("/console/webhooks").text
    assert secret not in page
    number = re.search(r"/console/webhooks/(whk_\w+)", page)[1]
    place = f"/console/webhooks/{number}"
    for verb, shown in (("pause", "Paused"), ("resume", "In order"), ("rotate", "whsec_")):
        answer = owner.post(f"{place}/{verb}", data=owner.word)
        assert shown in (answer.text if answer.status_code == 200 else owner.get(place).text), verb
    word = {
        "url": "https://hooks.example.com/new",
        "name": "Till",
        "tags": "order, invoice",
        "batch": "20",
        "owner": "",
        **owner.word,
    }
    assert owner.post(f"{place}/change", data=word | {"event": ["delivery.opened"]}).status_code == 303
    told = house.client().get(f"/v1/webhooks/{number}").json()
    assert (told["url"], told["name"], told["batch"]) == ("https://hooks.example.com/new", "Till", 20)
    assert (told["events"], told["tags"], told["owner"]) == (["delivery.opened"], ["order", "invoice"], None)
    slip = owner.post(f"{place}/change", data=word | {"batch": "many"})
    assert slip.status_code == 422
    assert "whole number" in slip.text
    assert owner.post(f"{place}/explode", data=owner.word).status_code == 404
    assert owner.post(f"{place}/remove", data=owner.word).status_code == 303
    assert owner.get(place).status_code == 404
    wrong = owner.post("/console/webhooks", data=form | {"url": "https://10.0.0.1/"})
    assert wrong.status_code == 422
    assert "checked" in wrong.text
