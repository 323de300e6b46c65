"""Each defect is named, costs what the table says, and nothing else is blamed; clean messages lose nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from defects import AROUND, DEFECTS, Defect
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import NOW_S, clean, written

from aftersend.mail import templates
from aftersend.policy.score.facts import Authentication, Heard, Surroundings
from aftersend.policy.score.finding import BLOCKED_AT, BLOCKER, COMPONENTS, SEVERITIES, WHO, band_of
from aftersend.policy.score.message import score
from aftersend.policy.score.rules import RULES

LETTERS = clean()
WAYS = [{"encoding": "base64"}, {"encoding": "8bit"}, {"shuffled": True}, {"folded": True}]


def _ids(found) -> set[str]:
    return {finding.id for finding in found.findings}


@pytest.mark.parametrize("number", range(len(LETTERS)))
def test_a_clean_message_loses_nothing(number):
    """Nothing is found in messages with which nothing is wrong."""
    found = score(written(LETTERS[number]), AROUND)
    assert (found.value, found.findings, found.unknown) == (100, (), ())


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.finding}: {defect.name}")
def test_a_defect_is_named_and_costs_its_points(defect: Defect):
    """In every clean message: found, nothing else blamed, the price exact; without the defect all is as before."""
    rule = RULES[defect.finding]
    points = rule.points if defect.points is None else defect.points
    for letter in LETTERS:
        found = score(written(defect.letter(letter)), defect.around(AROUND))
        named = [finding for finding in found.findings if finding.id == defect.finding]
        if not named and defect.finding in ("html-large", "many-images", "image-only", "small-print"):
            continue  # these depend on how much else there is; see the test of how many letters show them
        assert [finding.points for finding in named] == [points], _ids(found)
        assert _ids(found) - {defect.finding} <= defect.also
        if rule.severity == BLOCKER:
            assert found.value <= BLOCKED_AT
        elif not _ids(found) & defect.also:
            assert found.value == round(100 - points)


def test_defects_that_depend_on_the_rest_show_in_most_messages():
    """What is relative to the size of a message is found in those where it should be."""
    wanted = {"html-large": 22, "many-images": 15, "image-only": 20, "small-print": 20}
    for defect in DEFECTS:
        if defect.finding in wanted:
            shown = sum(defect.finding in _ids(score(written(defect.letter(a)), AROUND)) for a in LETTERS)
            assert shown >= wanted[defect.finding], defect.finding


def test_enough_is_tried():
    """About sixty defects and twenty templates, and every rule has a defect that shows it."""
    assert len(DEFECTS) >= 60
    assert len(LETTERS) >= 20
    shown = {defect.finding for defect in DEFECTS}
    assert set(RULES) - shown == {"unreadable", "broken-link"}


@given(st.sampled_from(LETTERS), st.lists(st.sampled_from(DEFECTS), max_size=4), st.sampled_from(DEFECTS))
@settings(max_examples=150)
def test_a_defect_more_never_raises_the_score(letter, defects, one_more):
    """Whatever is wrong already."""
    around = AROUND
    for defect in defects:
        try:
            letter = defect.letter(letter)
            written(letter)
        except (AssertionError, StopIteration, ValueError, TypeError, AttributeError):
            return  # the place where it would be spoilt is gone already
        around = defect.around(around)
    before = score(written(letter), around)
    if one_more.finding in _ids(before):
        return
    try:
        worse = written(one_more.letter(letter))
    except (AssertionError, StopIteration, ValueError, TypeError, AttributeError):
        return
    after = score(worse, one_more.around(around))
    if _ids(after) >= _ids(before):
        assert after.value <= before.value


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_how_a_message_is_written_down_changes_nothing(way):
    """Transfer encoding, order of parts and fields, case of names and folding, in clean and in spoilt messages."""
    for number, letter in enumerate(LETTERS):
        for defect in islice(DEFECTS, number % 7, None, 7):
            spoilt = defect.letter(letter)
            if spoilt.raw or "long-line" in defect.also | {defect.finding} or defect.name == "two subjects":
                continue
            plain = score(written(spoilt), defect.around(AROUND))
            other = score(written(spoilt, **way), defect.around(AROUND))
            assert (other.value, _ids(other)) == (plain.value, _ids(plain)), defect


@given(st.binary(max_size=3000))
def test_any_bytes_are_scored(raw):
    """Hostile bytes raise nothing."""
    assert 0 <= score(raw, AROUND).value <= 100


@given(st.data())
def test_broken_messages_are_scored(data):
    """Neither do messages cut and joined at random."""
    raw = written(data.draw(st.sampled_from(LETTERS[:6])))
    first, second = (data.draw(st.integers(0, len(raw))) for _ in range(2))
    assert 0 <= score(raw[:first] + raw[second:], AROUND).value <= 100


MJML = """<mjml lang="en"><mj-head><mj-title>Spring</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-image width="200px" alt="Logo" src="https://www.example.com/logo.png"/>
<mj-text font-size="20px">Hello Ann</mj-text><mj-text>The first warm days are here and the garden wants to be planted again, so we
have put together what works best in small spaces with little water.</mj-text>
<mj-button href="https://www.example.com/shop">Shop now</mj-button>
<mj-text>Example Shop, 12 Market Street, Dublin <a href="https://www.example.com/u/1">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def test_what_our_own_templates_make_is_clean():
    """MJML, whose frames have letters of size 0 around letters that can be read."""
    html = templates.page(MJML, "mjml")
    found = score(written(replace(LETTERS[0], html=html, text=templates.text_of(html))), AROUND)
    assert (found.value, found.findings) == (100, ())


HOSTILE = [
    "\n",
    " ",
    "dear ",
    "Dear\n",
    "a.",
    "A-",
    "1 A ",
    "rue a ",
    "{{",
    "{%",
    "<",
    "<a href=x>",
    "<b></i>",
    "12345 ",
    "&",
    "=?",
    "%%a",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_repeated_pieces_take_no_time(piece):
    """No piece repeated a hundred thousand times keeps a check busy; the limit of time of the whole run would tell."""
    many = piece * 100_000
    letter = replace(LETTERS[0], html=f"<html><style>{many}</style><p style='{many[:9000]}'>{many}</p>", text=many)
    assert 0 <= score(written(letter), AROUND).value <= 100


@pytest.mark.parametrize(
    "place",
    [
        "12 Market Street, Dublin", "Hauptstraße 5, 10115 Berlin", "5 rue de la Paix, 75002 Paris", "P.O. Box 17",
        "Via Roma 12, 00184 Roma", "221B Baker Street, London NW1 6XE", "Calle de Alcalá 10, 28014 Madrid", "Impressum",
        "350 Fifth Avenue, New York, NY 10118", "Keizersgracht 123, 1015 CJ Amsterdam", "〒100-0001 東京都",
    ],
)  # fmt: skip
def test_postal_addresses_are_known(place):
    """As they are written in many countries; numbers beside words are none."""
    letter = LETTERS[1].html_changed("12 Market Street, Dublin", place)
    letter = replace(letter, text=letter.text.replace("12 Market Street, Dublin", place))
    assert "no-identity" not in _ids(score(written(letter), AROUND))
    for other in ("We sold 12345 pots", "in 2026 there were 10 of us", "call 12 times a day"):
        changed = replace(letter.html_changed(place, other), text=letter.text.replace(place, other))
        assert "no-identity" in _ids(score(written(changed), AROUND))


def test_what_is_not_measured_is_said_and_weighs_nothing():
    """Without the DNS and without filters the rest is weighed as if it were all."""
    blind = Surroundings(replace(AROUND.sending), None, (), ("Rspamd does not answer.",))
    clean_one = score(written(LETTERS[0]), blind)
    assert clean_one.value == 100
    unmeasured = {share.name: share.unmeasured for share in clean_one.shares if share.unmeasured}
    assert unmeasured == {"authentication": "The DNS was not asked.", "filters": "Rspamd does not answer."}
    spoilt = score(written(LETTERS[0].without("List-Id")), blind)
    assert spoilt.value == round(100 - 110 / 60)


@pytest.mark.parametrize("which", ["none", "spamassassin", "rspamd", "both"])
def test_any_number_of_filters_will_do(which):
    """No filter, one, the other, or both."""
    heard = tuple(h for h in (Heard("spamassassin", 0, 5), Heard("rspamd", 0, 6)) if which in (h.name, "both"))
    found = score(written(LETTERS[0]), replace(AROUND, heard=heard, absent=() if heard else ("None is there.",)))
    assert found.value == 100
    assert [s.name for s in found.shares if s.unmeasured] == ([] if heard else ["filters"])


def test_transactional_mail_has_no_duties_of_bulk_mail():
    """A receipt needs no way to unsubscribe."""
    letter = LETTERS[0].without("List-Unsubscribe").without("List-Id")
    found = score(written(letter), replace(AROUND, sending=replace(AROUND.sending, is_broadcast=False)))
    assert found.value == 100


def test_nothing_unknown_costs_points():
    """What the DNS did not answer is said and not held against anybody."""
    found = score(written(LETTERS[0]), replace(AROUND, authentication=Authentication(unknown=("No answer.",))))
    assert (found.value, found.unknown) == (100, ("No answer.",))


def test_a_file_with_unix_line_ends_is_the_same_message():
    """Files on disk end their lines with LF; that is no fault of the message."""
    raw = written(LETTERS[0])
    assert score(raw.replace(b"\r\n", b"\n"), AROUND) == replace(score(raw, AROUND))


def test_a_cap_keeps_small_flaws_small():
    """Nothing more than its cap is lost in one component."""
    letter = LETTERS[0]
    for defect in DEFECTS:
        if RULES[defect.finding].component.name == "structure" and defect.finding not in (
            "dangerous-file",
            "image-only",
        ):
            letter = defect.letter(letter)
    found = score(written(letter), AROUND)
    assert next(share.lost for share in found.shares if share.name == "structure") == 20


def test_the_table_of_rules_is_whole():
    """Each rule says what is wrong, what to do, who demands it and who can mend it."""
    for rule in RULES.values():
        assert rule.component in COMPONENTS
        assert rule.severity in SEVERITIES
        assert rule.who in WHO
        assert rule.says.endswith(".")
        assert len(rule.fix) > 5
        assert rule.reference
        assert rule.points <= rule.component.cap
        assert (rule.points == 0) == (rule.severity == "info")
    assert [band_of(value) for value in (100, 75, 60, 40, 39)] == [
        "excellent", "good", "needs work", "poor", "do not send",
    ]  # fmt: skip
    assert NOW_S > 0


def test_the_documentation_lists_every_finding():
    """`docs/score.md` has each finding with its remedy."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "score.md").read_text()
    assert [name for name, rule in RULES.items() if f"| `{name}` |" not in page or rule.says not in page] == []
