"""The console in other languages: what any page says is in every catalogue, whole, and a person gets the language they chose."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_console_entering import browser, csrf, person
from test_console_pages import send

from aftersend.ledger import evidence, plans
from aftersend.ledger.events import OTHER_KINDS, Event
from aftersend.ledger.evidence import how_we_know
from aftersend.ledger.facts import ALL, Fact
from aftersend.ledger.reasons import DETAILS, MEANINGS
from aftersend.ledger.sayings import CAUSES, SAYINGS
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.reports import attention
from aftersend.returns import applying
from aftersend.web.console import catalogue, dashboard, deliveries, first_mail, maillog, rendering, tones, unread
from aftersend.web.console.catalogue import LANGUAGES
from aftersend.web.console.menu import MENU

OTHERS = [language for language in LANGUAGES if language != catalogue.DEFAULT]
PAGES = sorted(place.stem for place in (rendering._FOLDER / "templates").glob("*.html"))
_WHY_UNREAD = (
    applying.NO_DELIVERY, applying.DOES_NOT_FIT, applying.NO_REASON, applying.NOT_A_REPORT, applying.FOR_FEEDBACK_ONLY,
    *applying._WHY.values(),
)  # fmt: skip
_SLOT = re.compile(r"%\((\w+)\)s|%s|#")


def sentences(name):
    """Return what a template says by itself."""
    source = (rendering._FOLDER / "templates" / f"{name}.html").read_text("utf-8")
    for _, _, found in rendering._environment().extract_translations(source):
        said = found[0] if isinstance(found, tuple) else found
        if isinstance(said, str):
            yield said


def said_by_code():
    """Return the words and sentences that templates are given by our own tables."""
    for group in MENU:
        yield from (group.heading, *(item.label for item in group.items))
    for vocabulary in VOCABULARIES.values():
        yield from (vocabulary.title, vocabulary.question)
        for word, means in vocabulary.words:
            yield from (*word.split("/"), means)
    for fact in ALL:
        yield from (fact.sentence, fact.word.replace("_", " ").capitalize())
    for row in (*MEANINGS.values(), *DETAILS.values()):
        yield from (row.short, row.why, row.advice)
    yield from (row.short.capitalize() for row in MEANINGS.values())
    for saying in SAYINGS.values():
        yield from (saying.short, saying.news, saying.why, saying.advice)
    for cause in CAUSES.values():
        yield from cause
    yield from OTHER_KINDS.values()
    yield from (label for label, _, _ in maillog.VIEWS)
    yield from (label for _, label in maillog.PERIODS)
    yield from (span.label for span in dashboard.SPANS)
    yield from deliveries._NAMES.values()
    yield from tones.ACTORS.values()
    yield from (label for label, _ in unread.choices())
    yield from _WHY_UNREAD
    yield from (what for _, what in first_mail.TRIALS)


def constants(module):
    """Return the texts that stand in a module of ours, without its docstrings."""
    tree = ast.parse(inspect.getsource(module))
    told_aside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    words = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told_aside)
    for node in words:
        if isinstance(node.value, str):
            yield node.value


def said_by(module):
    """Return the sentences and pieces of sentences that stand in a module of ours."""
    return (one for one in constants(module) if re.search(r"[a-z)] [a-z%(“]", one))


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("module", [evidence, plans])
def test_what_the_ledger_says_of_proof_and_plans_is_in_every_language(language, module):
    """Each form has its own, none is missing."""
    known = catalogue.catalogue(language).sentences
    assert [said for said in said_by(module) if not known.get(said)] == []


def test_how_we_know_is_told_in_the_readers_language_and_zone(house):
    """Only our own words and our own moment change: what a remote said stays as it said it."""
    words = "No such user on 2026-11-21 22:26:40 UTC (2026-11-21 22:26:40 UTC)."
    proof = {"kind": "smtp", "host": "mx1.example.net", "command": "RCPT", "code": 550, "text": words}
    at = 1_795_300_000_000_000
    happened = Event(1, 1, 1, 1, "delivery.bounced", Fact.BOUNCED, at, at, evidence=proof)
    visit = SimpleNamespace(zone="Europe/Berlin", desk=SimpleNamespace(clock=lambda: at))
    page = rendering._environment("de").from_string("{{ proof | spoken }}")
    assert page.render(proof=how_we_know(happened), visit=visit) == (
        f"mx1.example.net antwortete 550 auf die Adresse des Empfängers: „{words}“ (21 Nov 2026, 23:26:40)."
    )
    english = rendering._environment("en").from_string("{{ proof | spoken }}")
    assert english.render(proof=how_we_know(happened), visit=visit).endswith(f"“{words}” (21 Nov 2026, 23:26:40).")


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_that_the_console_answers_with_is_in_every_language(language):
    """What stands in its code as a whole sentence, such as what was done or is wrong."""
    known = catalogue.catalogue(language).sentences
    places = (place for place in rendering._FOLDER.glob("*.py") if place.stem != "icons")
    modules = [import_module(f"aftersend.web.console.{place.stem}") for place in sorted(places)]
    said = {one for module in modules for one in said_by(module) if re.fullmatch(r"[A-Z][^<]* [^<]*\.", one)}
    assert sorted(one for one in said if not known.get(one)) == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_needs_attention_is_in_every_language(language):
    """Each sentence of ours, for one and for several, each piece of it, and what to do about it."""
    known = catalogue.catalogue(language).sentences
    forms = {said for said in constants(attention) if re.search(r"[a-z)] [a-z%(“]|%\(", said)}
    severities = {one.capitalize() for one in attention._ORDER}
    assert sorted(one for one in forms | severities if not known.get(one)) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_form_that_the_rendering_fills_in_is_in_every_language(language):
    """A piece with a slot, such as a number of bytes, is a sentence of ours even where it ends without a stop."""
    known = catalogue.catalogue(language).sentences
    places = (place for place in rendering._FOLDER.glob("*.py") if place.stem not in ("icons", "charts", "static"))
    modules = [import_module(f"aftersend.web.console.{place.stem}") for place in sorted(places)]
    forms = {one for module in modules for one in constants(module) if re.search(r"%\(\w+\)s", one)}
    assert "%(n)s bytes" in forms
    assert sorted(one for one in forms if not known.get(one)) == []


def test_sizes_and_what_needs_attention_are_told_in_the_readers_language(house):
    """The number in it is filled in after the sentence has been put into the language."""
    page = rendering._environment("de").from_string("{{ 260 | size }}, {{ 1 | size }}; {{ said | spoken }}")
    said = attention._many(2, "%(n)s mail is held back by a person.", "%(n)s mails are held back by a person.")
    assert page.render(said=said) == "260 Byte, 1 Byte; 2 E-Mails hält eine Person zurück."


@pytest.mark.parametrize("language", OTHERS)
def test_every_page_is_there_in_every_language(language):
    """Nothing that a template says by itself, and nothing that it is given from our tables, is missing."""
    known = catalogue.catalogue(language).sentences
    wanted = {said for name in PAGES for said in sentences(name)} | {said for said in said_by_code() if said}
    missing = sorted(said for said in wanted if not known.get(said))
    assert missing == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_sentence_keeps_its_slots_and_cannot_become_markup(language):
    """What is filled in is the same, and there is no markup that the English one has not."""
    for english, other in catalogue.catalogue(language).sentences.items():
        assert sorted(_SLOT.findall(english)) == sorted(_SLOT.findall(other)), english
        assert other.strip()
        assert ("<" in other, ">" in other) <= ("<" in english, ">" in english), english


def test_no_template_takes_foreign_text_for_a_sentence():
    """`_` makes markup of what it is given, so it is only ever given a fixed text; `say` is for all else."""
    for place in sorted((rendering._FOLDER / "templates").glob("*.html")):
        assert re.findall(r"\b_\((?![\"'])[^)]*\)", place.read_text("utf-8")) == [], place.name
        for said in sentences(place.stem):
            assert "<" not in said, f"{place.name}: {said}"


def test_what_is_said_by_code_is_still_escaped(house):
    """A word that comes from outside passes through the catalogue as plain text."""
    shown = rendering._environment("de").from_string("{{ say(word) }} {{ say('Opened') }}").render(word="<b>50 %</b>")
    assert shown == "&lt;b&gt;50 %&lt;/b&gt; Geöffnet"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("en-GB,de;q=0.5", "en"), ("fr, de;q=0.3", "de"), ("fr", "en"),
     ("de;q=0, en;q=0.1", "en"), ("de;q=nonsense", "en"), ("*", "en")],
)  # fmt: skip
def test_a_browser_gets_what_it_likes_best(accepted, language):
    """By its weights; English where there is nothing of what it likes."""
    assert catalogue.wanted(accepted) == language


@given(st.text(max_size=200))
def test_any_wish_is_answered(accepted):
    """Whatever a browser sends, one of our languages comes out."""
    assert catalogue.wanted(accepted) in LANGUAGES


def test_a_catalogue_is_read_as_gettext_writes_it():
    """Over several lines, with comments; an entry that stands there twice is a fault."""
    text = '# note\nmsgid ""\nmsgstr "Language: de\\n"\n\nmsgid "a "\n"b"\nmsgstr "c\\"d"\n'
    assert catalogue.read(text) == {"a b": 'c"d'}
    with pytest.raises(ValueError, match="twice"):
        catalogue.read('msgid "a"\nmsgstr "b"\nmsgid "a"\nmsgstr "c"\n')
    with pytest.raises(ValueError, match="Line 1"):
        catalogue.read("nonsense")


def test_a_person_chooses_a_language(house):
    """The choice stands over the browser's wish; before the sign-in the wish counts."""
    person(house)
    client = browser(house, "ann@example.com")
    german = {"accept-language": "de-AT,de;q=0.9"}
    assert "Anmelden" in browser_without(house).get("/console/sign-in", headers=german).text
    page = client.get("/console/log", headers=german).text
    assert '<html lang="de"' in page
    assert "E-Mail-Protokoll" in page
    form = {"csrf": csrf(client.get("/console/me")), "name": "Ann", "zone": "UTC"}
    assert client.post("/console/me", data=form | {"language": "xx"}).status_code == 422
    assert client.post("/console/me", data=form | {"language": "de"}).status_code == 303
    delivery = send(house)
    page = client.get(f"/console/deliveries/{delivery}").text
    assert "Was Sie tun können" in page
    assert "Wir haben die Nachricht angenommen und aufgeschrieben." in page
    assert "Wir haben es selbst getan und aufgeschrieben (" in page
    assert "Sie wird als Nächstes " in page
    client.post("/console/me", data=form | {"language": "en"})
    assert "What you can do" in client.get(f"/console/deliveries/{delivery}", headers=german).text


def test_later_news_is_told_in_the_readers_language():
    """Why, and what stands behind the headline: both sentences, each in its own form; English is as the API says it."""
    then = "There is no mailbox with this address."
    head = "The recipient's server confirmed that it has taken it."
    text = f"{head} It was later returned: {then[:1].lower()}{then[1:]}"
    told = {"why": text, "later": [{"why": then}]}
    for language in ("en", "de"):
        say = catalogue.catalogue(language).gettext
        page = rendering._environment(language).from_string("{{ told | why }}")
        form = say("It was later %(news)s:") % {"news": say("returned")}
        english = text if language == "en" else None
        assert page.render(told=told).replace("&#39;", "'") == (english or f"{say(head)} {form} {say(then)}")
    shown = rendering._environment("de").from_string("{{ 'later returned: no such mailbox' | news }}").render()
    assert shown == "später zurückgekommen: kein solches Postfach"


def browser_without(house):
    """A browser of somebody who is not signed in."""
    return house.client(key="")
