"""`aftersend contact` and `aftersend list`: people, their addresses, and the lists that they stand on."""

from __future__ import annotations

import csv
import sys
from typing import IO, Any
from urllib.parse import quote

import click

from aftersend.cli.given import METAVAR, WORDS
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.suppress import safe_cell
from aftersend.cli.verbs import FAILED, NOTHING, PARTLY, Ended

FAULTS_SHOWN = 20
where_option = click.option(
    "--where", metavar="CONDITION", help="Those of whom this is true, such as 'city = Vienna and opened since 90d'."
)


@click.group()
def contact() -> None:
    """People and their addresses. A contact is no leave to mail: who must not be mailed is not, wherever he stands."""


@contact.command()
@click.argument("addresses", metavar="ADDRESS[=TYPE,…] …", nargs=-1, required=True)
@click.option("--name", default="", metavar="TEXT", help="The name.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="An attribute, for merge tags.")
@click.option("--list", "lists", multiple=True, metavar="NAME", help="A list that the contact is on.")
@json_option
@place_option
def add(
    place: Any, addresses: tuple[str, ...], name: str, pairs: tuple[str, ...], lists: tuple[str, ...], as_json: bool
) -> None:
    """Write somebody down, with all addresses, the first choice first.

    ADDRESS=TYPE,TYPE is an address for these types of broadcast only: work@example.com=emergency,general.
    """
    made = place.add_contact(
        {"name": name, "addresses": _spots(addresses), "attributes": _attributes(pairs), "lists": list(lists)}
    )
    emit(made) if as_json else say(f"{made['id']} is written down.")


@contact.command()
@click.argument("contact_id", metavar="ID")
@click.option("--name", metavar="TEXT", help="The name from now on.")
@click.option(
    "--address", "addresses", multiple=True, metavar="ADDRESS[=TYPE,…]", help="The addresses from now on, all of them."
)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="An attribute; without a value it goes.")
@click.option("--list", "lists", multiple=True, metavar="NAME", help="A list to be on.")
@click.option("--off", "left", multiple=True, metavar="NAME", help="A list to be taken off.")
@json_option
@place_option
def change(
    place: Any, contact_id: str, name: str | None, addresses: tuple[str, ...], pairs: tuple[str, ...],
    lists: tuple[str, ...], left: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Change what is known of somebody; what is not named stays."""
    found = place.contact(contact_id)
    attributes = found["attributes"] | _attributes(pairs)
    wanted = {
        "name": found["name"] if name is None else name,
        "addresses": _spots(addresses) if addresses else found["addresses"],
        "attributes": {attribute: value for attribute, value in attributes.items() if value != ""},
        "lists": [each for each in dict.fromkeys([*found["lists"], *lists]) if each not in left],
    }
    made = place.ask("PUT", f"/v1/contacts/{quote(contact_id, safe='')}", json=wanted)
    emit(made) if as_json else say(f"{made['id']} is changed.")


def _spots(addresses: tuple[str, ...]) -> list[dict[str, Any]]:
    """Read addresses, each with the types of broadcast that it is for behind a sign of equality."""
    found = []
    for text in addresses:
        local, at, rest = text.rpartition("@")
        domain, _, types = rest.partition("=")
        kinds = [kind.strip() for kind in types.split(",") if kind.strip()]
        found.append({"address": f"{local}{at}{domain}", "types": kinds})
    return found


def _attributes(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        attribute, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--set {pair}: write NAME=VALUE.")
        found[attribute.strip()] = value
    return found


@contact.command("list")
@click.argument("part", required=False)
@click.option("--list", "list_name", metavar="NAME", help="Those on one list.")
@where_option
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at the most.")
@json_option
@place_option
def list_contacts(
    place: Any, part: str | None, list_name: str | None, where: str | None, limit: int, as_json: bool
) -> None:
    """List contacts, the oldest first, or those with an address that contains PART."""
    rows = []
    for row in place.contacts(list_name, part, where):
        rows.append(row)
        if as_json:
            emit(row)
        if len(rows) == limit:
            break
    if not rows:
        whom = f" with an address that contains {part}" if part else ""
        note(f"There is no contact{whom}" + (f" of whom this is true: {where}." if where else "."))
        raise Ended(NOTHING)
    if not as_json:
        table(["Contact", "Name", "Addresses", "Lists"], [
            (row["id"], row["name"], _addresses(row), ", ".join(row["lists"])) for row in rows
        ])  # fmt: skip


@contact.command()
@click.argument("where", default="everybody")
@click.option("--list", "list_name", metavar="NAME", help="Those on one list.")
@json_option
@place_option
def count(place: Any, where: str, list_name: str | None, as_json: bool) -> None:
    """Count the contacts of whom WHERE is true, such as 'city = Vienna and opened since 90d'."""
    number = place.count_contacts(where, list_name)
    emit({"people": number}) if as_json else say(f"{number} people.")


@contact.command()
@click.argument("contact_id", metavar="ID")
@json_option
@place_option
def show(place: Any, contact_id: str, as_json: bool) -> None:
    """Show all that is known of somebody."""
    found = place.contact(contact_id)
    if as_json:
        emit(found)
        return
    say(f"{found['id']}  {found['name']}".rstrip())
    for spot in found["addresses"]:
        say(f"  {spot['address']}" + (f", for {', '.join(spot['types'])}" if spot["types"] else ""))
    for name, value in found["attributes"].items():
        say(f"  {name}: {value}")
    say(f"  lists: {', '.join(found['lists']) or 'none'}")
    say(f"  since {short_time(found['created_at'])}, changed {short_time(found['changed_at'])}")


@contact.command()
@click.argument("contact_ids", metavar="ID …", nargs=-1, required=True)
@place_option
def remove(place: Any, contact_ids: tuple[str, ...]) -> None:
    """Forget people with all their addresses; what was mailed stays in the log."""
    for contact_id in contact_ids:
        place.remove_contact(contact_id)
        say(f"{contact_id} is forgotten.")


@contact.command()
@click.argument("person", metavar="ADDRESS|ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@place_option
def erase(place: Any, person: str, yes: bool, as_json: bool) -> None:
    """Erase a person everywhere: contact, addresses in the log, what was said to him, every evidence. It cannot be undone.

    What waits is cancelled. What is counted stays; suppressions stay as hashes, so that nobody who opted out is written to again.
    """
    if not yes:
        click.confirm(f"Erase {person} for good?", abort=True, err=True)
    done = place.ask("POST", "/v1/erasures", json={"address" if "@" in person else "contact_id": person})
    if as_json:
        emit(done)
    else:
        parts = [
            f"{done[name]} {name}" for name in ("contacts", "deliveries", "messages", "suppressions") if done[name]
        ]
        say(f"Erased: {', '.join(parts) or 'nothing was known'}; {done['cancelled']} that waited were cancelled.")
        if done["later"]:
            note(f"{done['later']} are still being sent, to others too. Do this again later.")
    if done["later"]:
        raise Ended(PARTLY)
    if not any(done[name] for name in ("contacts", "deliveries", "suppressions")):
        raise Ended(NOTHING)


@contact.command()
@click.argument("contact_id", metavar="ID")
@click.argument("state", type=click.Choice(["granted", "withdrawn"]), required=False)
@click.option("--type", "kind", default="", metavar="TYPE", help="The type of broadcast; without it, all.")
@click.option("--source", default="", metavar="TEXT", help="Where it was said.")
@click.option("--wording", default="", metavar="TEXT", help="Which version of which text was shown.")
@json_option
@place_option
def consent(
    place: Any, contact_id: str, state: str | None, kind: str, source: str, wording: str, as_json: bool
) -> None:
    """Show what somebody said about broadcasts or, with STATE, write down that he agrees or takes it back."""
    path = f"/v1/contacts/{quote(contact_id, safe='')}/consents"
    if state is None:
        found = place.ask("GET", path)
    else:
        if not source:
            raise click.UsageError("Say where it was said: --source TEXT")
        said = {"state": state, "type": kind, "source": source, "wording": wording}
        found = place.ask("POST", path, json=said)
    if as_json:
        emit(found)
        return
    head = ["When", "Type", "State", "Source", "Wording"]
    table(head, [
        (short_time(row["occurred_at"]), row["type"] or "all", row["state"], row["source"], row["wording"])
        for row in found["data"]
    ])  # fmt: skip
    for row in found["opt_ins"]:
        answered = f"confirmed {short_time(row['answered_at'])}" if row["answered_at"] else "not answered"
        say(f"Asked to confirm {short_time(row['asked_at'])} ({row['message_id']}): {answered}.")


@contact.command("opt-in")
@click.argument("contact_id", metavar="ID")
@click.option("--from", "sender", required=True, metavar="ADDRESS", help="The author.")
@click.option("--subject", default="", metavar="TEXT", help="The subject.")
@click.option("--text", type=WORDS, metavar=METAVAR, help="The text, or @FILE with it, with {{ confirm_url }} in it.")
@click.option("--template", metavar="NAME", help="A saved template, with {{ confirm_url }} in it.")
@click.option("--type", "kind", default="", metavar="TYPE", help="The type of broadcast that is agreed to.")
@click.option("--list", "list_name", metavar="NAME", help="The list that is joined by confirming.")
@click.option("--wording", default="", metavar="TEXT", help="Which version of which text was shown.")
@json_option
@place_option
def opt_in(
    place: Any, contact_id: str, sender: str, subject: str, text: str | None, template: str | None, kind: str,
    list_name: str | None, wording: str, as_json: bool,
) -> None:  # fmt: skip
    """Ask somebody by mail to confirm his address (double opt-in): he agrees, and joins the list, once he has."""
    message = {"from": sender, "subject": subject, "text": text, "template": template}
    wanted = {
        "message": {name: value for name, value in message.items() if value}, "type": kind, "wording": wording,
        "list": list_name,
    }  # fmt: skip
    made = place.ask("POST", f"/v1/contacts/{quote(contact_id, safe='')}/opt-in", json=wanted)
    if as_json:
        emit(made)
    else:
        say(f"{made['message_id']} asks him; it can be answered until {short_time(made['expires_at'])}.")


@contact.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--list", "list_name", metavar="NAME", help="Put everybody on this list too.")
@click.option(
    "--column", "columns", multiple=True, metavar="HEADER=FIELD",
    help="How a column is to be taken: FIELD is email, name, - to leave it out, or an attribute.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="If any row is wrong, write nothing down.")
@click.option("--preview", is_flag=True, help="Only look what would come of it.")
@click.option("--faults", type=click.File("w", encoding="utf-8"), help="Write the rows left out to this file, as CSV.")
@json_option
@place_option
def import_(
    place: Any, file: IO[bytes], list_name: str | None, columns: tuple[str, ...], strict: bool, preview: bool,
    faults: IO[str] | None, as_json: bool,
) -> None:  # fmt: skip
    """Read people from FILE or standard input: CSV in UTF-8, with names of columns in its first line.

    Whoever is known by the address is changed, the others are new. All usable rows are written down at once.
    """
    with _Bar() as bar:
        told = place.import_contacts(
            file.read(), columns, list_name=list_name, strict=strict, preview=preview, on_rows=bar.move
        )
    if faults is not None:
        writer = csv.writer(faults)
        writer.writerow(("line", "row", "why"))
        writer.writerows([(fault["line"], safe_cell(fault["row"]), fault["why"]) for fault in told["faults"]])
    if as_json:
        emit(told)
    else:
        for fault in told["faults"][:FAULTS_SHOWN]:
            note(f"line {fault['line']}: {fault['why']}")
        did = "" if told["is_kept"] else "Nothing is written down. "
        say(f"{did}{told['created']} new, {told['changed']} known, {told['wrong']} rows left out.")
    if told["wrong"]:
        raise Ended(PARTLY if told["is_kept"] else FAILED)
    if not told["rows"]:
        raise Ended(NOTHING)


@contact.command()
@click.option("--list", "list_name", metavar="NAME", help="Those on one list.")
@where_option
@place_option
def export(place: Any, list_name: str | None, where: str | None) -> None:
    """Write contacts as CSV, one row for each address, to be imported elsewhere."""
    people = list(place.contacts(list_name, None, where))
    names = sorted({name for person in people for name in person["attributes"]})
    writer = csv.writer(sys.stdout)
    writer.writerow(("email", "name", *names))
    for person in people:
        for spot in person["addresses"]:
            cells = (spot["address"], person["name"], *(person["attributes"].get(name) for name in names))
            writer.writerow([safe_cell(cell) for cell in cells])


class _Bar:
    """Shows how far a long file has been read, to people only."""

    def __init__(self) -> None:
        self._is_shown = False

    def __enter__(self) -> _Bar:
        return self

    def move(self, rows: int, total: int) -> None:
        """Show so many rows of so many."""
        if not sys.stderr.isatty():
            return
        filled = 30 * min(rows, total) // max(total, 1)
        click.echo(f"\r[{'#' * filled:<30}] {rows} of {total} rows read", err=True, nl=False)
        self._is_shown = True

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            click.echo(err=True)


@click.group("list")
def list_() -> None:
    """Lists that people stand on."""


@list_.command("add")
@click.argument("name")
@click.option("--about", default="", metavar="TEXT", help="What it is for.")
@place_option
def add_list(place: Any, name: str, about: str) -> None:
    """Make a list."""
    place.add_list(name, about)
    say(f"The list {name} is made.")


@list_.command("show")
@json_option
@place_option
def show_lists(place: Any, as_json: bool) -> None:
    """Show the lists, each with the number of its members."""
    rows = place.mailing_lists()
    if not rows:
        note("There is no list.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["List", "Members", "About"],
        [(row["name"], row["members"], row["about"]) for row in rows],
        right=("Members",),
    )


@list_.command("remove")
@click.argument("name")
@place_option
def remove_list(place: Any, name: str) -> None:
    """Take a list away; the people on it stay."""
    place.remove_list(name)
    say(f"The list {name} is gone; the people on it are still contacts.")


def _addresses(person: dict[str, Any]) -> str:
    return ", ".join(spot["address"] for spot in person["addresses"])
