"""Own how pages are made of templates: what is foreign is always escaped, a name that is missing is a fault, and every
sentence of ours passes through gettext.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from aftersend.clock import DAY, HOUR, MINUTE, SECOND, from_iso
from aftersend.errors import AftersendError, BadFields
from aftersend.ledger.explain import Explanation
from aftersend.ledger.facts import BY_WORD
from aftersend.ledger.spoken import Spoken
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.web.console import static, tones
from aftersend.web.console.catalogue import DEFAULT, catalogue
from aftersend.web.console.icons import MARK, icon
from aftersend.web.console.menu import menu_of
from aftersend.web.console.tones import ACTORS, FACT_LOOKS, PHASE_LOOKS, Look

_FOLDER = Path(__file__).parent


@cache
def _environment(language: str = DEFAULT) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    sentences = catalogue(language)
    made.install_gettext_translations(sentences, newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "when": when,
        "day": day,
        "ago": ago,
        "spoken": spoken,
        "headline": headline,
        "news": news,
        "why": why,
        "number": number,
        "share": share,
        "chip": chip,
        "fact": fact_chip,
        "actor": lambda name: ACTORS.get(name, name),
        "slug": slug,
        "size": size,
        "ticked": ticked,
        "span": span,
        "url": lambda text: quote(str(text), safe=""),
    }
    made.globals |= {
        # What is not a fixed text of a template is said by this: it stays plain text, so it is escaped like all else.
        "say": lambda text: sentences.gettext(str(text)),
        "icon": icon,
        "MARK": MARK,
        "static": static.address,
        "menu_of": menu_of,
        "meaning": meaning,
        "look": tones.look,
        "look_at": tones.look,
        "VOCABULARIES": VOCABULARIES,
        "address": address,
    }
    return made


def render(template: str, **values: Any) -> str:
    """Return a page. `visit` is among the values."""
    return _environment(values["visit"].language).get_template(template).render(**values)


def address(path: str, *pairs: tuple[str, str], **words: Any) -> str:
    """Return the address of a page of the console with its parameters."""
    given = [*pairs, *((name, str(value)) for name, value in words.items() if value not in (None, ""))]
    return f"/console{path}" + (f"?{urlencode(given)}" if given else "")


def said_of(error: AftersendError) -> str:
    """Return what is wrong, with the fields named, for people."""
    if not isinstance(error, BadFields):
        return error.detail
    named = ((field.pointer.removeprefix("#/").replace("message/", ""), field.detail) for field in error.fields)
    return " ".join(f"{name}: {detail}" if name else detail for name, detail in named)


# ---- words ---------------------------------------------------------------------------------------------------------


def slug(text: str) -> str:
    """Return a word as part of an address within a page."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


@cache
def _meanings(vocabulary: str) -> Mapping[str, str]:
    return dict(VOCABULARIES[vocabulary].words)


@pass_context
def meaning(context: Context, vocabulary: str, word: str) -> str:
    """Return what a word of a vocabulary means; "" for a word that it does not have."""
    return _say(context)(_meanings(vocabulary).get(word, ""))


def _say(context: Context) -> Callable[[str], str]:
    return cast("Callable[[str], str]", context.environment.globals["say"])


def ticked(text: str) -> Markup:
    """Return a text in which what stands between backticks is code."""
    parts = (Markup("<code>{}</code>" if i % 2 else "{}").format(part) for i, part in enumerate(text.split("`")))
    return Markup("").join(parts)


_CHIP = Markup('<span class="chip {}">{}<span>{}</span></span>')
_LINKED = Markup('<a class="chip {}" href="/console/help#{}" title="{}">{}<span>{}</span></a>')


@pass_context
def chip(context: Context, word: str, vocabulary: str = "delivery_results", *, linked: bool = False) -> Markup:
    """Return a word with its icon and tone; linked to what it means if wanted."""
    looks = tones.look(vocabulary, word)
    shown = _say(context)(word.partition("/")[2] or word)
    if linked:
        place = f"{slug(vocabulary)}-{slug(word)}"
        return _LINKED.format(looks.tone, place, meaning(context, vocabulary, word), icon(looks.icon), shown)
    return _CHIP.format(looks.tone, icon(looks.icon), shown)


def look_of_fact(word: str | None) -> Look:
    """Return how a fact looks."""
    if word in FACT_LOOKS:
        return FACT_LOOKS[word]
    fact = BY_WORD.get(word or "")
    return Look("quiet", "circle") if fact is None else PHASE_LOOKS[fact.phase.value]


@pass_context
def fact_chip(context: Context, word: str) -> Markup:
    """Return a fact with its icon, linked to what it means."""
    looks = look_of_fact(word)
    says = _say(context)(BY_WORD[word].sentence) if word in BY_WORD else ""
    shown = _say(context)(word.replace("_", " ").capitalize())
    return _LINKED.format(looks.tone, f"fact-{slug(word)}", says, icon(looks.icon), shown)


# ---- times and numbers -----------------------------------------------------------------------------------------------


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def local(us: int, zone: str) -> datetime:
    """Return a moment in a zone; in UTC when there is no such zone."""
    return datetime.fromtimestamp(us / SECOND, _zone(zone))


def moment_of(text: str, zone: str) -> str:
    """Return what a browser's field for a time gives, `2026-03-01T09:30` in a zone, as RFC 3339; anything else as it is."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if given.tzinfo else given.replace(tzinfo=_zone(zone)).isoformat()


def _us(moment: int | str) -> int:
    return moment if isinstance(moment, int) else from_iso(moment)


def _local(context: Context, us: int) -> tuple[datetime, datetime, str]:
    visit = context["visit"]
    zone = _zone(visit.zone)
    present = datetime.fromtimestamp(visit.desk.clock() / SECOND, UTC).astimezone(zone)
    utc = datetime.fromtimestamp(us / SECOND, UTC)
    return utc.astimezone(zone), present, utc.isoformat(timespec="seconds").replace("+00:00", "Z")


_TIME = Markup('<time datetime="{}" title="{}">{}</time>')


@pass_context
def when(context: Context, moment: int | str | None, form: str = "short") -> Markup | str:
    """Return a time in the reader's zone: short (only as much as tells it apart from now), or full to the second; exact
    local time and UTC are in its title."""
    if moment is None:
        return "–"
    local, present, utc = _local(context, _us(moment))
    exact = _dated(context, local, "%A, %d %B %Y, %H:%M:%S %Z") + f" ({utc})"
    if form == "clock":
        shown = f"{local:%H:%M:%S}"
    elif form == "full":
        shown = _dated(context, local, "%d %b %Y, %H:%M:%S")
    elif local.date() == present.date():
        shown = f"{local:%H:%M:%S}" if form == "precise" else f"{local:%H:%M}"
    elif local.year == present.year:
        shown = _dated(context, local, "%d %b, %H:%M")
    else:
        shown = _dated(context, local, "%d %b %Y")
    return _TIME.format(utc, exact, shown)


@pass_context
def day(context: Context, moment: int | str) -> str:
    """Return a day in the reader's zone."""
    local, present, _ = _local(context, _us(moment))
    if local.date() == present.date():
        return _say(context)("Today")
    return _dated(context, local, "%A, %d %B" if local.year == present.year else "%d %B %Y")


def _dated(context: Context, moment: datetime, form: str) -> str:
    """Write a time, with the names of days and months in the reader's language."""
    for name in ("%A", "%B", "%b"):
        if name in form:
            form = form.replace(name, _say(context)(f"{moment:{name}}"))
    return f"{moment:{form}}"


@pass_context
def spoken(context: Context, sentence: Spoken) -> str:
    """Return a sentence that the ledger says in the reader's language, its moments in the reader's zone; what others said in
    it stays as they said it."""
    return sentence.said(_say(context), lambda us: _dated(context, _local(context, us)[0], "%d %b %Y, %H:%M:%S"))


@pass_context
def headline(context: Context, explained: Explanation) -> str:
    """Return the headline of a delivery, each of its parts in the reader's language."""
    say = _say(context)
    short = explained.headline.removesuffix("".join(f", {item.words}" for item in explained.later))
    parts = [": ".join(say(part) for part in short.split(": ", 1))]
    return ", ".join([*parts, *(news(context, item.words) for item in explained.later)])


@pass_context
def news(context: Context, words: str) -> str:
    """Return what stands behind a headline ("later returned: mailbox full"), each of its parts in the reader's language."""
    say = _say(context)
    order, _, told = words.partition(" ")
    return f"{say(order)} {': '.join(say(part) for part in told.split(': ', 1))}"


@pass_context
def why(context: Context, told: Mapping[str, Any]) -> str:
    """Return why a delivery is as it is, in the reader's language; where later news follows, both parts of it."""
    say, text = _say(context), told["why"]
    for then in dict.fromkeys(item["why"] for item in told["later"]):
        head, order, rest = text.rpartition(" It was later ")
        if order and rest.endswith(f": {then[:1].lower()}{then[1:]}"):
            form = say("It was later %(news)s:") % {"news": say(rest[: -len(then) - 2])}
            is_english = say(then) == then
            return f"{say(head)} {form} {rest[-len(then) :] if is_english else say(then)}"
        if text.endswith(f" {then}"):
            return f"{say(text[: -len(then) - 1])} {say(then)}"
    return say(text)


@pass_context
def ago(context: Context, moment: int | str | None) -> Markup | str:
    """Return how long ago something was, or in what time it will be."""
    if moment is None:
        return "–"
    us = _us(moment)
    apart = us - context["visit"].desk.clock()
    local, _, utc = _local(context, us)
    say = _say(context)
    form = "just now" if abs(apart) < SECOND * 2 else "in %s" if apart > 0 else "%s ago"
    shown = say(form).replace("%s", span(context, abs(apart)))
    return _TIME.format(utc, _dated(context, local, "%A, %d %B %Y, %H:%M:%S %Z") + f" ({utc})", shown)


@pass_context
def span(context: Context, lasts: int) -> str:
    """Return how long something lasts, in its largest unit; a dash for less than a second."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
        if lasts >= unit:
            many = lasts // unit
            return f"{many} {_say(context)(name if many == 1 else f'{name}s')}"
    return "–"


def number(value: int | None) -> str:
    """Return a number with its digits in groups."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent; "" when there is no whole."""
    if not whole:
        return ""
    found = 100 * part / whole
    return (
        f"{found:.0f}\u202f%"
        if found >= 9.95 or part == 0
        else f"{found:.1f}\u202f%"
        if found >= 0.1
        else "<0.1\u202f%"
    )


@pass_context
def size(context: Context, octets: int) -> str:
    """Return a number of bytes as people read it."""
    if octets < 1024:
        return _say(context)("%(n)s byte" if octets == 1 else "%(n)s bytes") % {"n": octets}
    amount, unit = octets / 1024, "KB"
    for larger in ("MB", "GB", "TB"):
        if amount >= 1024:
            amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}"
