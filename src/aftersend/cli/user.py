"""`aftersend user`: people who use the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aftersend import clock
from aftersend.cli.places import here_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.control.people import ROLES
from aftersend.errors import NotFound

if TYPE_CHECKING:
    from aftersend.cli.here import Here
    from aftersend.store.people import User

ROLE = click.Choice(list(ROLES))


@click.group()
def user() -> None:
    """People who use the console. Whoever is added gets a link that works once, to choose a password."""


@user.command()
@click.argument("email")
@click.option("--name", default="", help="What the person is called.")
@click.option("--role", type=ROLE, default="analyst", show_default=True, help="What the person may do.")
@json_option
@here_option
def add(here: Here, email: str, name: str, role: str, as_json: bool) -> None:
    """Give a person with the address EMAIL a role in the account."""
    from aftersend.control import people

    here.prepare_once()
    token = here.write(people.invite, here.account, here.ids(), email=email, name=name, role=role, now=clock.now())
    here.audit("gave a person a role", f"{email}: {role}")
    _show(here, email, role, token, as_json=as_json)


def _show(here: Here, email: str, role: str, token: str | None, *, as_json: bool) -> None:
    link = None if token is None else f"{_address(here)}/console/welcome/{token}"
    if as_json:
        emit({"email": email, "role": role, "link": link})
    elif link is None:
        say(f"{email} is {role} here now, and signs in with the password that they have.")
    else:
        say(link)
        note(f"With this link {email} chooses a password. It works once, within a day.")


def _address(here: Here) -> str:
    web = here.settings.web
    return web.url.rstrip("/") or f"http://{web.listen[0] if web.listen else 'localhost'}"


@user.command("list")
@json_option
@here_option
def list_(here: Here, as_json: bool) -> None:
    """List the people of the account, with their roles."""
    from aftersend.reports.telling import moment
    from aftersend.store import people

    rows = [
        {
            "email": one.email,
            "name": one.name,
            "role": role,
            "signed_in_at": moment(one.signed_in_us),
            "second_step": one.totp is not None,
            "has_password": one.password is not None,
        }
        for one, role in here.read(people.of_account, here.account)
    ]
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Address", "Name", "Role", "Signed in", "Second step"],
        [
            (
                r["email"],
                r["name"],
                r["role"],
                short_time(str(r["signed_in_at"] or "") or None),
                "yes" if r["second_step"] else "",
            )
            for r in rows
        ],
    )


@user.command()
@click.argument("email")
@click.argument("role", type=ROLE)
@here_option
def role(here: Here, email: str, role: str) -> None:
    """Give a person another ROLE in the account."""
    from aftersend.store import people

    found = _member(here, email)
    here.write(people.join, here.account, found.id, role, now=clock.now())
    here.audit("gave a person a role", f"{found.email}: {role}")
    say(f"{found.email} is {role} here now.")


@user.command()
@click.argument("email")
@click.option(
    "--without-second-step", is_flag=True, help="Also turn the second step off, for who lost the authenticator."
)
@json_option
@here_option
def link(here: Here, email: str, without_second_step: bool, as_json: bool) -> None:
    """Make a link with which a person who forgot the password chooses another one.

    Who has a second step needs its code for the link as well.
    """
    from aftersend.control import people
    from aftersend.store.people import role_in, set_totp

    found = _member(here, email)
    if without_second_step and found.totp is not None:
        here.write(set_totp, found.id, None)
        here.audit("turned the second step off", found.email)
    role = here.read(role_in, here.account, found.id) or ""
    token = here.write(people.link, here.account, found.id, role, now=clock.now())
    here.audit("made a link to choose a password", found.email)
    _show(here, found.email, role, token, as_json=as_json)


@user.command()
@click.argument("email")
@here_option
def remove(here: Here, email: str) -> None:
    """Take a person out of the account; they are signed out at once."""
    from aftersend.store import people

    found = _member(here, email)
    here.write(people.leave, here.account, found.id)
    here.audit("took a person out", found.email)
    say(f"{found.email} can do nothing here any more.")


def _member(here: Here, email: str) -> User:
    """Return a person of the account. Raise NotFound."""
    from aftersend.control import people as rules
    from aftersend.store import people

    folded = rules.checked_email(email)
    found = here.read(people.by_email, folded)
    if found is None or here.read(people.role_in, here.account, found.id) is None:
        raise NotFound(f"{folded} is not a user of this account; see: aftersend user list")
    return found
