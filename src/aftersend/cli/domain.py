"""`aftersend domain`: sending domains, their signing keys and their DNS records."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.quality import domain_score
from aftersend.cli.verbs import FAILED, PARTLY, Ended

_MARKS = {"found": "ok", "missing": "MISSING", "different": "DIFFERENT", "unknown": "no answer"}


@click.group()
def domain() -> None:
    """Sending domains: what mail may come from, signed with keys of its own."""


@domain.command()
@click.argument("name")
@click.option("--sign-now", is_flag=True, help="Do not wait until the records have been seen in the DNS.")
@json_option
@place_option
def add(place: Any, name: str, sign_now: bool, as_json: bool) -> None:
    """Add a sending domain, make its keys, and print the DNS records to publish.

    Mail is signed as soon as the records of the keys have been seen in the DNS: the service looks by itself.
    """
    added = place.add_domain(name, sign_now=sign_now)
    records = place.domain_records(added["name"])
    if as_json:
        emit({**added, "records": records})
        return
    signed = "from now on" if added["signs"] else "as soon as its key's record is seen in the DNS"
    say(f"{added['name']} is added. Mail from it is signed {signed}. Publish these records:")
    _print_records(records)
    say(f"The service looks for them by itself. To look now: aftersend domain check {added['name']}")


@domain.command("list")
@json_option
@place_option
def list_(place: Any, as_json: bool) -> None:
    """List the sending domains."""
    rows = place.domains()
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Domain", "Verified", "Signs", "Last check", "Missing or different"],
        [
            (
                r["name"], short_time(r["verified_at"]) or "no", "yes" if r["signs"] else "no", short_time(r["checked_at"]) or "never",
                ", ".join(f["host"] for f in r["findings"] if f["state"] in ("missing", "different")),
            )
            for r in rows
        ],
    )  # fmt: skip


@domain.command()
@click.argument("name")
@click.option("--zone", is_flag=True, help="Print lines of a zone file.")
@json_option
@place_option
def records(place: Any, name: str, zone: bool, as_json: bool) -> None:
    """Print the DNS records to publish."""
    rows = place.domain_records(name)
    if as_json:
        for row in rows:
            emit(row)
    elif zone:
        for row in rows:
            click.echo(row["zone_line"])
    else:
        _print_records(rows)


def _print_records(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        say()
        say(
            f"{row['kind']}  {row['host']}"
            + (f"  (in a form: {row['relative']})" if row["relative"] != row["host"] else "")
        )
        if len(row.get("strings", ())) > 1:
            for part in row["strings"]:
                click.echo(f'    "{part}"')
            say("    (one record; forms that take long texts want the parts joined, without the quotes)")
        else:
            click.echo(f"    {row['value']}")
        say(f"    {'Needed. ' if row['is_required'] else 'Advised. '}{row['why']}")
    say()


@domain.command()
@click.argument("name")
@json_option
@place_option
def check(place: Any, name: str, as_json: bool) -> None:
    """Ask the DNS whether the records are there. Ends with 0 if all are, 4 if only advised ones are not, 1 otherwise."""
    checked = place.check_domain(name)
    findings = checked["findings"]
    if as_json:
        emit(checked)
    else:
        for finding in findings:
            say(f"{_MARKS.get(finding['state'], finding['state']):<10} {finding['kind']:<4} {finding['host']}")
            say(f"           {finding['said']}")
            if finding["state"] != "found" and finding["expected"]:
                say(f"           wanted: {finding['expected']}")
            if finding["state"] == "different":
                for text in finding["found"]:
                    say(f"           found:  {text}")
        say(f"{checked['name']} is {'verified' if checked['verified_at'] else 'not verified'}.")
        if not checked["signs"]:
            say("Mail from it is not signed: no key record of ours was seen yet.")
    lacking = [f for f in findings if f["state"] != "found"]
    if any(f["is_required"] for f in lacking):
        raise Ended(FAILED)
    if lacking:
        raise Ended(PARTLY)


@domain.command()
@click.argument("name")
@place_option
def remove(place: Any, name: str) -> None:
    """Remove a sending domain and its keys. Mail from it is no longer signed."""
    place.remove_domain(name)
    say(f"{name} is removed. Its DNS records can go in a week, when no mail signed with its keys is under way.")


@domain.command("rotate-key")
@click.argument("name")
@json_option
@place_option
def rotate_key(place: Any, name: str, as_json: bool) -> None:
    """Make new signing keys. The old ones sign until a check has seen the records of the new ones."""
    selectors = place.rotate_domain(name)
    rows = [row for row in place.domain_records(name) if row["host"].partition(".")[0] in selectors]
    if as_json:
        emit({"name": name, "selectors": selectors, "records": rows})
        return
    _print_records(rows)
    note(f"Publish these, then run: aftersend domain check {name}")


domain.add_command(domain_score)
