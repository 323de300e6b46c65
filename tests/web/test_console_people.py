"""Contacts, lists, files of people and templates in the console."""

from __future__ import annotations

import html
import re

import pytest
from test_console_entering import browser, csrf, person
from test_web_contacts import taken_in

from aftersend.web.console import templated

CSV = "email,name,city\nann@example.net,Ann,Wien\nnot an address,Bad,\nbob@example.net,Bob <b>,Linz\n"


@pytest.fixture
def client(house):
    """A browser of somebody who may send."""
    person(house, role="sender")
    found = browser(house, "ann@example.com")
    found.post("/console/contacts/lists", data={"csrf": csrf(found.get("/console/contacts")), "name": "letter"})
    return found


def test_a_file_is_looked_at_before_it_is_kept_and_wrong_rows_are_named(house, client):
    """Looking keeps nothing; keeping keeps what can be used, and says of every other row why not."""
    word = csrf(client.get("/console/contacts/import"))
    looked = client.post("/console/contacts/import", data={"csrf": word, "csv": CSV, "list": "letter", "do": "look"})
    assert "not an address" in looked.text
    assert "Keep 2 people" in looked.text
    assert house.client().get("/v1/contacts").json()["data"] == []
    kept = client.post("/console/contacts/import", data={"csrf": word, "csv": CSV, "list": "letter", "do": "keep"})
    assert "This was kept" in kept.text
    assert "wrong-rows.csv" in kept.text
    page = client.get("/console/contacts?list=letter").text
    assert "ann@example.net" in page
    assert "Bob &lt;b&gt;" in page
    fine = client.post("/console/contacts/import", data={"csrf": word, "csv": "email\nc@example.net\n", "do": "keep"})
    assert fine.status_code == 303


def test_a_long_file_has_a_page_of_its_own(house, client):
    """It is read beside everything else and kept when one says so; the rows left out come as a file without formulas."""
    rows = "".join(f"p{i}@example.net\n" if i else "=cmd,\n" for i in range(2500))
    word = csrf(client.get("/console/contacts/import"))
    asked = client.post("/console/contacts/import", data={"csrf": word, "csv": f"email\n{rows}", "list": "letter"})
    place = asked.headers["location"]
    page = client.get(place).text
    assert re.search(r"0 of about 2\W500 rows read", page)
    assert f'hx-get="{place}/moving"' in page
    person(house, "eve@example.com", account_id=2)
    for theirs in (place, f"{place}/moving", f"{place}/wrong.csv"):
        assert browser(house, "eve@example.com").get(theirs).status_code == 404
    taken_in(house)
    page = client.get(place).text
    assert re.search(r"Keep 2\W?499 people", page)
    assert "hx-get" not in client.get(f"{place}/moving").text
    wrong = client.get(f"{place}/wrong.csv")
    assert wrong.text.splitlines()[1].startswith("2,")
    assert client.post(f"{place}/keep", data={"csrf": csrf(client.get(place))}).status_code == 303
    taken_in(house)
    assert "Done" in client.get(place).text
    assert house.client().get("/v1/lists").json()["data"][0]["members"] == 2499
    assert client.post(f"{place}/forget", data={"csrf": word}).status_code == 303
    assert client.get(place).status_code == 404


@pytest.mark.parametrize("text", ["", "name\nAnn\n", '"open'])
def test_a_file_that_cannot_be_read_is_told_on_the_page(client, text):
    """What was pasted stays in the field."""
    word = csrf(client.get("/console/contacts/import"))
    answer = client.post("/console/contacts/import", data={"csrf": word, "csv": text, "do": "look"})
    assert answer.status_code == 422 or "Wrong, left out" in answer.text
    assert 'name="csv"' in answer.text


def test_a_contact_is_written_changed_and_forgotten(house, client):
    """Several addresses, each for chosen types; attributes by the line; lists by ticking."""
    word = csrf(client.get("/console/contacts/new"))
    form = [("csrf", word), ("name", "Ann"), ("address", "ann@example.net"), ("types", ""), ("address", "work@example.net"),
            ("types", "emergency, general"), ("attributes", "city: Wien\nclass: 3a"), ("lists", "letter")]  # fmt: skip
    made = client.post("/console/contacts/new", content="&".join(f"{n}={v.replace(' ', '+').replace(chr(10), '%0A')}" for n, v in form),
                       headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert made.status_code == 303, made.text
    told = house.client().get(f"/v1/contacts/{made.headers['location'].rpartition('/')[2]}").json()
    assert told["addresses"][1] == {"address": "work@example.net", "types": ["emergency", "general"]}
    assert (told["attributes"], told["lists"]) == ({"city": "Wien", "class": "3a"}, ["letter"])
    page = client.get(made.headers["location"])
    assert "city: Wien" in page.text
    wrong = client.post(made.headers["location"], data={"csrf": word, "name": "Ann", "address": "nobody", "types": ""})
    assert wrong.status_code == 422
    assert "nobody" in wrong.text
    assert client.post(f"{made.headers['location']}/remove", data={"csrf": word}).status_code == 303
    assert client.get(made.headers["location"]).status_code == 404


def test_a_list_that_does_not_exist_is_said(client):
    """Not an empty page."""
    assert client.get("/console/contacts?list=none").status_code == 404


def test_a_template_is_kept_shown_and_gets_versions(house, client):
    """The frame shows it with example values; what cannot be compiled is told beside what was typed."""
    word = csrf(client.get("/console/templates/new"))
    form = {
        "csrf": word,
        "name": "march",
        "kind": "html",
        "subject": "For {{ name }}",
        "source": "<p>Dear {{ name }}</p>",
    }
    assert client.post("/console/templates", data=form).status_code == 303
    page = client.get("/console/templates/march")
    assert "Version 1" in page.text
    assert "Dear Name" in client.get("/console/templates/march/preview").text
    shown = client.get("/console/templates/march/preview", params={"data": '{"name": "<script>"}'})
    assert "&lt;script&gt;" in shown.text
    client.post("/console/templates", data=form | {"source": "<p>Hello {{ name }}</p>"})
    assert "Version 2" in client.get("/console/templates/march").text
    wrong = client.post("/console/templates", data=form | {"source": "<p>{% if %}</p>"})
    assert wrong.status_code == 422
    assert html.escape("{% if %}") in wrong.text
    assert client.post("/console/templates/march/remove", data={"csrf": word}).status_code == 303
    assert client.get("/console/templates/march").status_code == 404


def test_values_of_merge_tags_are_read():
    """By the line, or JSON; nonsense is nothing."""
    assert templated.read_data("name: Ann\ncity: Wien: 1") == {"name": "Ann", "city": "Wien: 1"}
    assert templated.read_data('{"name": "Ann"}') == {"name": "Ann"}
    assert templated.read_data("{nonsense") == {}
    assert templated.read_data("[1]") == {"[1]": ""}
