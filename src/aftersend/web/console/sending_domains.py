"""Own the pages of sending domains: add one, publish its records, have them checked, renew its keys."""

from __future__ import annotations

from typing import Any

from aftersend.errors import AftersendError
from aftersend.web import administration
from aftersend.web.calls import Answer
from aftersend.web.console.visits import ROOT, Visit

PURPOSES = {
    "dkim": "Signature (DKIM)",
    "return_mx": "Bounces (MX)",
    "return_spf": "Sender (SPF)",
    "spf": "Sender (SPF)",
    "dmarc": "Policy (DMARC)",
}


async def show(visit: Visit, wrong: str = "") -> Answer:
    """List the domains."""
    rows = (await administration.list_domains(visit)).content["data"]
    return visit.show(
        "domains.html", 422 if wrong else 200, rows=rows, wrong=wrong, typed=visit.form() if wrong else {}
    )


async def add(visit: Visit) -> Answer:
    """Add a domain and show its records."""
    try:
        made = await administration.add_domain(visit.to_api({"name": visit.form().get("name", "").strip()}))
    except AftersendError as error:
        return await show(visit, error.detail)
    return visit.go(
        f"{ROOT}/domains/{made.content['name']}",
        "The domain is added. Publish its records; mail is signed as soon as they are seen.",
    )


async def one(visit: Visit) -> Answer:
    """Show a domain with its records, and what the last check found of each."""
    domain = (await administration.one_domain(visit)).content
    records = (await administration.domain_records(visit)).content["data"]
    findings = {(each["host"], each["kind"]): each for each in domain["findings"]}
    rows = [_row(record, findings) for record in records]
    hosts = {(record["host"], record["kind"]) for record in records}
    return visit.show(
        "domain.html",
        domain=domain,
        rows=rows,
        others=[each for each in domain["findings"] if (each["host"], each["kind"]) not in hosts],
        zone="\n".join(record["zone_line"] for record in records),
    )


def _row(record: dict[str, Any], findings: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    found = findings.get((record["host"], record["kind"]))
    return record | {
        "title": PURPOSES.get(record["purpose"], record["purpose"]),
        "state": "not checked" if found is None else found["state"],
        "said": "" if found is None else found["said"],
        "seen": [] if found is None else found.get("found", []),
    }


async def check(visit: Visit) -> Answer:
    """Ask the DNS now."""
    domain = (await administration.check_domain(visit)).content
    is_good = domain["verified_at"] is not None and domain["signs"]
    said = (
        "All that is needed is there; mail from this domain is signed."
        if is_good
        else "Something is missing or different; see below."
    )
    return visit.go(f"{ROOT}/domains/{domain['name']}", said)


async def rotate(visit: Visit) -> Answer:
    """Make new signing keys."""
    await administration.rotate_domain(visit)
    return visit.go(
        f"{ROOT}/domains/{visit.path['name']}",
        "New keys are made. They sign as soon as a check has seen their records.",
    )


async def remove(visit: Visit) -> Answer:
    """Remove the domain."""
    await administration.remove_domain(visit)
    return visit.go(f"{ROOT}/domains", f"{visit.path['name']} is removed; mail from it is no longer signed.")
