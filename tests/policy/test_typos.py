"""Suggestions for misspelt domains: most slips are mended, and no real provider is ever corrected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.score.providers import LARGE, REAL
from aftersend.policy.score.typos import suggest

SLIPS = {
    "gmail.com": "gmial.com gmai.com gmal.com gnail.com gmaill.com gmail.con gmail.cmo gamil.com gmil.com ggmail.com gmail.om",
    "hotmail.com": "hotmial.com hotmal.com hotmai.com hotmil.com hotmaill.com hotmail.con hotamil.com hottmail.com hotmall.com",
    "yahoo.com": "yaho.com yahooo.com yhaoo.com yahoo.con yahoo.cmo yahho.com yaoo.com yahoo.comm",
    "outlook.com": "outlok.com outloook.com outlook.con oultook.com outllook.com outlook.cm",
    "icloud.com": "iclod.com icoud.com icloud.con iclould.com icluod.com",
}


OTHERS = """
    siemens.com bosch.com sap.com ibm.com intel.com oracle.com nestle.com novartis.com roche.com shell.com
    bp.com total.com mit.edu stanford.edu harvard.edu yale.edu cam.ac.uk ox.ac.uk ethz.ch epfl.ch tum.de lmu.de
    hu-berlin.de kit.edu tuwien.ac.at univie.ac.at uzh.ch unibas.ch uva.nl tudelft.nl kuleuven.be ugent.be
    sorbonne.fr polimi.it unibo.it upm.es uam.es kth.se chalmers.se dtu.dk ku.dk uio.no ntnu.no helsinki.fi
    aalto.fi cuni.cz uw.edu.pl elte.hu bbc.co.uk guardian.co.uk nhs.uk gov.uk europa.eu un.org who.int
    worldbank.org redcross.org greenpeace.org wikipedia.org wikimedia.org mozilla.org debian.org python.org
    apache.org github.com gitlab.com slack.com zoom.us dropbox.com spotify.com netflix.com uber.com airbnb.com
    booking.com amazon.com ebay.com paypal.com stripe.com adobe.com salesforce.com hotjar.com hotmart.com
    outbrain.com outlet.com outreach.io yandex-team.ru gmx-topmail.de gmil.org yahoo-inc.com icloudsystems.com
    mailchimp.com mailgun.com mailjet.com sendgrid.com postmarkapp.com fastly.com cloudflare.com maildrop.cc
    mail-tester.com livemail.tw liveperson.com aolmail.org webmail.co.za webde.de freenet-ag.de gmailify.com
    yahsat.ae orangeobs.com free.org freemail.ru comcastbiz.net coxmail.com verizonwireless.com attmail.com
    telekom.com telekom.sk t-mobile.com vodafone.com o2.co.uk orange.com orange.pl laposte.fr bluewin.com
    hispeed.com libero.com tin.net virgilio.com seznam.com wp.com onet.com interia.com abv.com mail.be mail.fr
    mail.ee rambler.com ukr.com sina.cn sohu.net naver.net daum.com
    hd-mail.com proto2mail.com ymail4.com hotepmail.com mail2you.com e-mail.com
"""
"""Domains of companies, universities and smaller providers, written down without looking into the tables."""


def test_nobody_elses_domain_is_taken_for_a_slip() -> None:
    """Also those that the tables do not know."""
    others = OTHERS.split()
    assert len(others) > 100
    assert {domain: found for domain in others if (found := suggest(domain)) is not None} == {}


def test_nine_slips_of_ten_are_mended() -> None:
    """The domain that was meant is named; where nothing is said, nothing wrong is said either."""
    meant = [(slip, right) for right, slips in SLIPS.items() for slip in slips.split()]
    answers = {slip: suggest(slip) for slip, _ in meant}
    assert [slip for slip, right in meant if answers[slip] not in (right, None)] == []
    assert sum(answers[slip] == right for slip, right in meant) >= 0.9 * len(meant)


def test_no_real_provider_is_corrected() -> None:
    """At least three hundred of them, all that the tables know."""
    real = {*LARGE, *REAL}
    assert len(real) >= 300
    assert {domain: found for domain in real if (found := suggest(domain)) is not None} == {}


@pytest.mark.parametrize(
    "domain",
    ["", ".", "com", "example.com", "localhost", "bücher.example", "x" * 300 + ".com", "proton.me", "acme.com"],
)
def test_what_is_nobodys_slip_is_left_alone(domain: str) -> None:
    """Companies, short names and nonsense get no suggestion."""
    assert suggest(domain) is None


@given(st.text(max_size=80))
def test_a_suggestion_is_a_large_provider_and_never_itself(domain: str) -> None:
    """Any text is answered; what is suggested needs no suggestion."""
    found = suggest(domain)
    assert found is None or (found != domain and suggest(found) is None)
