"""People come into the console with an address and a password, or a link that works once, and may do what their role says."""

from __future__ import annotations

import re

import httpx2
import pytest

from aftersend import clock
from aftersend.control import door, seal, totp
from aftersend.control import people as rules
from aftersend.errors import BadField
from aftersend.policy.proxies import Proxies
from aftersend.store import people
from aftersend.web.console import PAGES

PASSWORD = "a long enough sentence"
HASH = rules.hashed(PASSWORD)


def person(house, email="ann@example.com", role="owner", account_id=1):
    """Make a person who can sign in; return their number."""
    number = house.ids()
    house.run(people.add, number, email=email, name="Ann", password=HASH, now=clock.now())
    house.run(people.join, account_id, number, role, now=clock.now())
    return number


def browser(house, email="", **headers) -> httpx2.Client:
    """Return a browser; with an address, one that is signed in."""
    client = house.client(key="")
    client.headers.update(headers)
    if email:
        answer = client.post("/console/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
    return client


def csrf(page: httpx2.Response) -> str:
    """Return what the forms of a page carry."""
    return re.search(r'name="csrf" value="(\w+)"', page.text)[1]


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(house):
    """A page leads to the sign-in, and the sign-in back to the page, but never to another site."""
    person(house)
    client = browser(house)
    asked = client.get("/console/log?status=Bounced")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/console/sign-in?then=%2Fconsole%2Flog%3Fstatus%3DBounced"
    form = {"email": "ann@example.com", "password": PASSWORD}
    back = client.post("/console/sign-in", data=form | {"then": "/console/log?status=Bounced"})
    assert back.headers["location"] == "/console/log?status=Bounced"
    for elsewhere in ("https://evil.example/", "//evil.example/console/", "/console/\\evil", "javascript:alert(1)"):
        out = browser(house).post("/console/sign-in", data=form | {"then": elsewhere})
        assert out.headers["location"] == "/console/"


def test_no_page_is_shown_to_whoever_is_not_signed_in(house):
    """Each page that needs a person sends others away."""
    client = browser(house)
    for page in PAGES:
        if page.needs is None:
            continue
        path = re.sub(r"\{\w+\}", "x", f"/console{page.path}")
        answer = client.request(page.method, path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/console/sign-in"), path


def test_a_wrong_password_is_refused_and_too_many_are_not_heard(house):
    """Neither the words nor the status tell whether there is such a user; after ten tries nobody is heard from there."""
    person(house)
    client = browser(house)
    wrong = client.post("/console/sign-in", data={"email": "ann@example.com", "password": "nonsense here"})
    nobody = client.post("/console/sign-in", data={"email": "nobody@example.com", "password": "nonsense here"})
    assert wrong.status_code == nobody.status_code == 401
    assert "not right" in wrong.text
    assert "not right" in nobody.text
    for _ in range(8):
        client.post("/console/sign-in", data={"email": "ann@example.com", "password": "nonsense here"})
    last = client.post("/console/sign-in", data={"email": "ann@example.com", "password": PASSWORD})
    assert last.status_code == 429


def test_behind_a_proxy_one_persons_tries_do_not_shut_others_out(make_house):
    """The proxy says whose tries they are; whoever writes the field themselves is not believed."""
    house = make_house(proxies=Proxies(["127.0.0.0/8"]))
    person(house)
    form = {"email": "nobody@example.com", "password": "nonsense here"}
    guesser = browser(house, **{"x-forwarded-for": "1.2.3.4, 2001:db8::1"})
    for number in range(12):
        guesser.headers["x-forwarded-for"] = f"192.0.2.{number}, 2001:db8::{number + 1}"
        answer = guesser.post("/console/sign-in", data=form | {"email": f"nobody{number}@example.com"})
    assert answer.status_code == 429
    ann = browser(house, **{"x-forwarded-for": "203.0.113.5"})
    assert ann.post("/console/sign-in", data={"email": "ann@example.com", "password": PASSWORD}).status_code == 303


def test_as_much_is_done_for_names_that_nobody_has(house, monkeypatch):
    """A password is hashed, with the same cost, whether there is such a user, and whether they may come in."""
    person(house)
    house.run(people.add, house.ids(), email="new@example.com", name="New", password=None, now=clock.now())
    costs = []

    def counted(password, kept):
        costs.append(kept.split("$")[:4])
        return rules.is_password(password, kept)

    monkeypatch.setattr(door, "is_password", counted)
    for email in ("ann@example.com", "new@example.com", "nobody@example.com", "no address", "\u00fc@\u00fc.example"):
        assert guess(browser(house), 1, email) == 401
    assert costs == [HASH.split("$")[:4]] * 5


def guess(client, times, email="ann@example.com", **headers):
    """Try a wrong password so often; return the last status."""
    for _ in range(times):
        answer = client.post("/console/sign-in", data={"email": email, "password": "nonsense here"}, headers=headers)
    return answer.status_code


def test_strangers_cannot_shut_a_person_out_of_their_browser_or_network(make_house, monkeypatch):
    """However many guess from wherever, the owner gets in where they have signed in; unknown places are not heard any more."""
    monkeypatch.setattr(door, "STRANGERS_FAILURES_ALLOWED", 20)
    house = make_house(proxies=Proxies(["127.0.0.0/8"]))
    person(house)
    ann = browser(house, "ann@example.com", **{"x-forwarded-for": "203.0.113.5"})
    known = {"cookie": f"aftersend_browser={ann.cookies['aftersend_browser']}"}
    stranger = browser(house)
    assert guess(stranger, 11, **{"x-forwarded-for": "192.0.2.1"}) == 429
    assert guess(stranger, 10, **{"x-forwarded-for": "192.0.2.2"}) == 401
    assert guess(stranger, 1, **{"x-forwarded-for": "192.0.2.200"}) == 429
    right = {"email": "ann@example.com", "password": PASSWORD}
    away = {"x-forwarded-for": "198.51.100.9"}
    assert browser(house).post("/console/sign-in", data=right, headers=away).status_code == 429
    assert browser(house, **known).post("/console/sign-in", data=right, headers=away).status_code == 303
    there = {"x-forwarded-for": "203.0.113.5"}
    assert browser(house).post("/console/sign-in", data=right, headers=there).status_code == 303


def test_tries_in_a_known_browser_are_counted_too(house):
    """What a browser keeps of a sign-in gives ten tries and no more, to the one who signed in; forged or of somebody else,
    it gives nothing."""
    person(house)
    person(house, "bob@example.com")
    ann = browser(house, "ann@example.com")
    kept = ann.cookies["aftersend_browser"]
    for wrong in ("", "..", f"{kept[:-1]}{'1' if kept[-1] == '0' else '0'}", "1.99.x." + "0" * 64, "x" * 5000):
        assert guess(browser(house, cookie=f"aftersend_browser={wrong}"), 1) == 401
    assert guess(browser(house, cookie=f"aftersend_browser={kept}"), 11) == 429
    assert guess(browser(house, cookie=f"aftersend_browser={kept}"), 1, "bob@example.com") == 401


def test_signing_in_does_not_wash_off_tries_with_other_names(make_house):
    """Whoever has a password of their own guesses at others' no longer than anybody else."""
    house = make_house(proxies=Proxies(["127.0.0.0/8"]))
    person(house)
    person(house, "bob@example.com")
    there = {"x-forwarded-for": "192.0.2.1"}
    assert guess(browser(house), 9, **there) == 401
    right = {"email": "bob@example.com", "password": PASSWORD}
    assert browser(house).post("/console/sign-in", data=right, headers=there).status_code == 303
    assert guess(browser(house), 1, **there) == 401
    assert guess(browser(house), 1, **there) == 429


def test_the_session_is_kept_as_a_digest_in_a_hidden_cookie(house):
    """The cookie is not for scripts, and the store does not know it."""
    person(house)
    client = browser(house)
    answer = client.post("/console/sign-in", data={"email": "ann@example.com", "password": PASSWORD})
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("aftersend_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    found = house.ask(people.session, rules.digest_of(token), now=clock.now())
    assert found is not None
    assert token.encode() not in found.digest


def test_signing_out_ends_the_session(house):
    """The cookie of an ended session opens nothing."""
    person(house)
    client = browser(house, "ann@example.com")
    token = client.cookies["aftersend_session"]
    client.post("/console/sign-out", data={"csrf": csrf(client.get("/console/log"))})
    again = browser(house, cookie=f"aftersend_session={token}")
    assert again.get("/console/log").status_code == 303


def test_a_form_of_another_site_is_refused(house):
    """Without the word of the session, or with another origin, nothing is done."""
    person(house)
    client = browser(house, "ann@example.com")
    word = csrf(client.get("/console/log"))
    saves = {"name": "mine", "query": "status=Bounced"}
    assert client.post("/console/log/save", data=saves).status_code == 403
    assert client.post("/console/log/save", data=saves | {"csrf": "0" * 64}).status_code == 403
    foreign = {"origin": "https://evil.example"}
    assert client.post("/console/log/save", data=saves | {"csrf": word}, headers=foreign).status_code == 403
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/console/log/save", data=saves | {"csrf": word}, headers=foreign).status_code == 403
    assert client.post("/console/log/save", data=saves | {"csrf": word}).status_code == 303


def test_the_first_user_comes_in_by_a_link_that_works_once(house):
    """The link makes an owner, who is led to the first mail; a second time it is refused."""
    token = house.run(rules.link, 1, None, "owner", now=clock.now())
    client = browser(house)
    assert client.get(f"/console/welcome/{token}").status_code == 200
    form = {"name": "Ann", "email": "Ann@Example.com", "password": PASSWORD}
    weak = client.post(f"/console/welcome/{token}", data=form | {"password": "short"})
    assert weak.status_code == 422
    assert "10 to 256" in weak.text
    came = client.post(f"/console/welcome/{token}", data=form)
    assert came.headers["location"] == "/console/first-mail"
    ((user, role),) = house.ask(people.of_account, 1)
    assert (user.email, role) == ("ann@example.com", "owner")
    assert browser(house).post(f"/console/welcome/{token}", data=form).status_code == 404


def test_a_first_mail_is_sent_and_followed(house):
    """The form of the first mail sends it through the intake and leads to its delivery."""
    person(house)
    client = browser(house, "ann@example.com")
    page = client.get("/console/first-mail")
    mail = {"from": "you@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi", "csrf": csrf(page)}
    sent = client.post("/console/first-mail", data=mail)
    assert sent.status_code == 303
    shown = client.get(sent.headers["location"])
    assert "Hello" in shown.text
    assert "ann@example.net" in shown.text
    bad = client.post("/console/first-mail", data=mail | {"to": "nonsense"})
    assert bad.status_code == 422


def test_a_second_step_is_asked_for_and_a_code_works_once(house):
    """With an authenticator the password alone opens nothing."""
    number = person(house)
    secret = totp.fresh_secret()
    sealed = seal.seal(house.desk.secret, secret, belongs_to=f"user {number}")
    house.run(people.set_totp, number, sealed)
    client = browser(house)
    asked = client.post("/console/sign-in", data={"email": "ann@example.com", "password": PASSWORD})
    assert asked.status_code == 200
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked.text)[1]
    assert client.get("/console/log").status_code == 303
    wrong = client.post("/console/sign-in/code", data={"ticket": ticket, "code": "000000"})
    assert wrong.status_code == 401
    forged = client.post("/console/sign-in/code", data={"ticket": f"{ticket[:-1]}0", "code": "000000"})
    assert forged.status_code == 401
    code = totp.code(secret, clock.now() // 30_000_000)
    assert client.post("/console/sign-in/code", data={"ticket": ticket, "code": code}).status_code == 303
    assert client.get("/console/log").status_code == 200
    again = browser(house).post("/console/sign-in/code", data={"ticket": ticket, "code": code})
    assert again.status_code == 401


def with_second_step(house, number):
    """Give a person an authenticator; return its secret."""
    secret = totp.fresh_secret()
    house.run(people.set_totp, number, seal.seal(house.desk.secret, secret, belongs_to=f"user {number}"))
    return secret


def test_a_link_to_choose_a_password_does_not_stand_for_the_second_step(house):
    """Who has the link but not the authenticator changes nothing, and the link still works for who has both."""
    number = person(house)
    secret = with_second_step(house, number)
    place = f"/console/welcome/{house.run(rules.link, 1, number, 'owner', now=clock.now())}"
    client, form = browser(house), {"password": "another good sentence"}
    assert 'name="code"' in client.get(place).text
    for code in ("", "000000"):
        refused = client.post(place, data=form | {"code": code})
        assert refused.status_code == 401
        assert "code is not right" in refused.text
    assert client.get("/console/log").status_code == 303
    assert house.ask(people.one, number).password == HASH
    code = totp.code(secret, clock.now() // 30_000_000)
    assert client.post(place, data=form | {"code": code}).status_code == 303
    assert client.get("/console/log").status_code == 200
    assert house.ask(people.one, number).password != HASH
    assert browser(house).post(place, data=form | {"code": code}).status_code == 404


def test_a_second_step_that_is_on_is_not_exchanged_without_the_password(house):
    """Somebody at a browser that is signed in cannot put another authenticator in its place."""
    number = person(house)
    client = browser(house, "ann@example.com")
    with_second_step(house, number)
    mine, kept = totp.fresh_secret(), house.ask(people.one, number).totp
    word = {"csrf": csrf(client.get("/console/me"))}
    assert client.post("/console/me/second-step", data=word).status_code == 422
    code = totp.code(mine, clock.now() // 30_000_000)
    form = word | {"secret": totp.shown(mine), "code": code}
    assert client.post("/console/me/second-step/finish", data=form).status_code == 422
    assert house.ask(people.one, number).totp == kept


def test_whoever_only_looks_changes_nothing(house):
    """An analyst sees a delivery and cannot act on it."""
    person(house, "eve@example.com", "analyst")
    sent = house.client().post(
        "/v1/messages", json={"from": "a@example.com", "to": "b@example.net", "subject": "Hi", "text": "Hi"}
    )
    delivery = sent.json()["deliveries"][0]["id"]
    client = browser(house, "eve@example.com")
    page = client.get(f"/console/deliveries/{delivery}")
    assert page.status_code == 200
    assert "only allows you to look" in page.text
    for verb in ("retry", "cancel", "hold", "release", "resend", "suppress", "unsuppress"):
        answer = client.post(f"/console/deliveries/{delivery}/{verb}", data={"csrf": csrf(page)})
        assert answer.status_code == 403, verb
    assert client.get("/console/first-mail").status_code == 403


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "password123", "x" * 300])
def test_passwords_that_are_no_good_are_refused(password):
    """Too short, too long, or what everybody tries first."""
    with pytest.raises(BadField):
        rules.checked_password(password)


def test_codes_are_those_of_rfc_6238():
    """The examples of RFC 6238, appendix B, in six digits."""
    secret = b"12345678901234567890"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert totp.code(secret, seconds // 30) == code
        assert totp.step_of(secret, code, now=seconds * 1_000_000) == seconds // 30
        assert totp.step_of(secret, code, now=(seconds + 90) * 1_000_000) is None
