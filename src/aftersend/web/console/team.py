"""Own the page of the people who use the console: who they are, what they may do, links for those who are new."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.control import people as rules
from aftersend.errors import AftersendError, NotAllowed
from aftersend.store import people
from aftersend.store.connection import Connection
from aftersend.web.administration import change
from aftersend.web.calls import Answer
from aftersend.web.console.visits import ROOT, Visit

PLACE = f"{ROOT}/people"


async def show(visit: Visit, wrong: str = "", link: str = "", of: str = "") -> Answer:
    """List the people of the account."""
    rows = await visit.desk.store.ask(people.of_account, visit.account_id)
    return visit.show(
        "people.html",
        422 if wrong else 200,
        rows=[_told(user, role) for user, role in rows],
        roles=rules.ROLES,
        wrong=wrong,
        link=link,
        of=of,
        typed=visit.form() if wrong else {},
    )


def _told(user: people.User, role: str) -> dict[str, Any]:
    return {
        "id": ids.show("usr", user.id),
        "email": user.email,
        "name": user.name,
        "role": role,
        "signed_in_us": user.signed_in_us,
        "has_password": user.password is not None,
        "has_second_step": user.totp is not None,
    }


async def invite(visit: Visit) -> Answer:
    """Give a person a role, and show the link with which they choose a password."""
    form = visit.form()
    email, role = form.get("email", "").strip(), form.get("role", "")
    try:
        token = await change(
            visit, "gave a person a role", f"{email}: {role}", rules.invite, visit.desk.ids(),
            email=email, name=form.get("name", ""), role=role, now=visit.desk.clock(),
        )  # fmt: skip
    except AftersendError as error:
        return await show(visit, error.detail)
    if token is None:
        return visit.go(PLACE, f"{email} is {role} here now, and signs in with the password that they have.")
    return await show(visit, link=f"{visit.origin}{ROOT}/welcome/{token}", of=email)


async def set_role(visit: Visit) -> Answer:
    """Give a person another role. There is always an owner."""
    role = rules.checked_role(visit.form().get("role", ""))
    user = await _member(visit)
    await change(
        visit, "gave a person a role", f"{user.email}: {role}", _set_role, user.id, role, now=visit.desk.clock()
    )
    return visit.go(PLACE, f"{user.email} is {role} now.")


def _set_role(connection: Connection, account_id: int, user_id: int, role: str, *, now: int) -> None:
    if role != "owner":
        rules.keep_an_owner(connection, account_id, user_id)
    people.join(connection, account_id, user_id, role, now=now)


async def new_link(visit: Visit) -> Answer:
    """Make a link with which a person chooses another password."""
    user = await _member(visit)
    token = await change(
        visit, "made a link to choose a password", user.email, _new_link, user.id, now=visit.desk.clock()
    )
    return await show(visit, link=f"{visit.origin}{ROOT}/welcome/{token}", of=user.email)


def _new_link(connection: Connection, account_id: int, user_id: int, *, now: int) -> str:
    elsewhere = [number for number, _, _ in people.accounts_of(connection, user_id) if number != account_id]
    if elsewhere:
        raise NotAllowed(
            "This person belongs to another account as well, which such a link would open too. Whoever runs this service can "
            "make it: aftersend user link EMAIL"
        )
    role = people.role_in(connection, account_id, user_id) or ""
    return rules.link(connection, account_id, user_id, role, now=now)


async def remove(visit: Visit) -> Answer:
    """Take a person out of the account."""
    user = await _member(visit)
    await change(visit, "took a person out", user.email, _remove, user.id)
    return visit.go(PLACE, f"{user.email} can do nothing here any more.")


def _remove(connection: Connection, account_id: int, user_id: int) -> None:
    rules.keep_an_owner(connection, account_id, user_id)
    people.leave(connection, account_id, user_id)


async def _member(visit: Visit) -> people.User:
    """Return the person of this account that the address names. Raise NotFound."""
    return await visit.desk.store.ask(_of_account, visit.account_id, ids.read("usr", visit.path["id"]))


def _of_account(connection: Connection, account_id: int, user_id: int) -> people.User:
    if people.role_in(connection, account_id, user_id) is None:
        user_id = 0
    return people.one(connection, user_id)
