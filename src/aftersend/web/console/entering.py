"""Own how people come in and go out: sign-in with a second step, links that work once, the first user of all."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

from aftersend.clock import MINUTE, SECOND
from aftersend.control import people as rules
from aftersend.control import seal, totp
from aftersend.control.door import BROWSER_KNOWN_US
from aftersend.errors import AftersendError, NotAllowed, Unauthenticated
from aftersend.store import accounts, people
from aftersend.store.connection import Connection
from aftersend.store.people import User
from aftersend.web.calls import Answer
from aftersend.web.console.visits import BROWSER_COOKIE, ROOT, THEME_COOKIE, THEMES, Visit

SECOND_STEP_US = 5 * MINUTE


async def ask_in(visit: Visit) -> Answer:
    """Show the form of signing in."""
    if visit.session is not None:
        return visit.go(_onward(visit.asked("then")))
    return visit.show("sign_in.html", then=visit.asked("then"), wrong="", email="")


async def sign_in(visit: Visit) -> Answer:
    """Check address and password; ask for the code if there is an authenticator; begin a session."""
    form = visit.form()
    then, email = form.get("then", ""), form.get("email", "")[:320]
    try:
        browser = visit.cookies.get(BROWSER_COOKIE, "")
        user = await visit.door.check(email, form.get("password", ""), visit.peer, browser)
    except AftersendError as error:
        return visit.show("sign_in.html", error.status, then=then, wrong=error.detail, email=email)
    if user.totp is not None:
        return visit.show("second_step.html", ticket=_ticket(visit, user), then=then, wrong="")
    return await _enter(visit, user, then)


async def second_step(visit: Visit) -> Answer:
    """Check the code of an authenticator, once."""
    form = visit.form()
    then, ticket = form.get("then", ""), form.get("ticket", "")
    try:
        user = await _user_of(visit, ticket)
        await _check_code(visit, user, form.get("code", ""))
    except AftersendError as error:
        return visit.show("second_step.html", error.status, ticket=ticket, then=then, wrong=error.detail)
    return await _enter(visit, user, then)


async def _check_code(visit: Visit, user: User, given: str) -> None:
    """Use up the code of an authenticator. Raise Unauthenticated, or TooManyTries."""
    if user.totp is None:
        raise Unauthenticated("Sign in again.")
    visit.door.count(f"code {user.id}")
    secret = seal.unseal(visit.desk.secret, user.totp, belongs_to=f"user {user.id}")
    step = totp.step_of(secret, given[:20], now=visit.desk.clock())
    if step is None or not await visit.desk.store.run(people.use_step, user.id, step):
        raise Unauthenticated("The code is not right, or it was used before. Wait for the next one.")
    visit.door.forgive(f"code {user.id}")


def _ticket(visit: Visit, user: User) -> str:
    """Return what shows, for five minutes, that the password was right."""
    head = f"{user.id}.{visit.desk.clock() + SECOND_STEP_US}"
    return f"{head}.{_signed(visit, head)}"


def _signed(visit: Visit, head: str) -> str:
    key: bytes = visit.desk.secret.derive("console second step")
    return hmac.digest(key, head.encode(), "sha256").hex()


async def _user_of(visit: Visit, ticket: str) -> User:
    head, _, signature = ticket.rpartition(".")
    user_id, _, ends_us = head.partition(".")
    if not hmac.compare_digest(_signed(visit, head).encode(), signature.encode()):
        raise Unauthenticated("Sign in again.")
    if int(ends_us) <= visit.desk.clock():
        raise Unauthenticated("The time for the code is over. Sign in again.")
    return await visit.desk.store.ask(people.one, int(user_id))


async def _enter(visit: Visit, user: User, then: str, account_id: int | None = None, did: str = "signed in") -> Answer:
    mine = await visit.desk.store.ask(people.accounts_of, user.id)
    if not mine:
        raise NotAllowed("You have no role in any account any more. Ask an owner for one.")
    preferred = account_id or user.preferences.get("account")
    chosen = next((each for each in mine if each[0] == preferred), mine[0])[0]
    token, digest = rules.fresh_token()
    now = visit.desk.clock()
    await visit.desk.store.run(
        _begin, chosen, digest, user, visit.peer[:100], visit.headers.get("user-agent", "")[:300], now,
        visit.desk.ids(), did,
    )  # fmt: skip
    visit.begin(await visit.desk.store.ask(people.session, digest, now=now), token)
    visit.cookie(BROWSER_COOKIE, visit.door.known_browser(user), seconds=BROWSER_KNOWN_US // SECOND)
    return visit.go(_onward(then))


def _begin(
    connection: Connection,
    account_id: int,
    digest: bytes,
    user: User,
    peer: str,
    agent: str,
    now: int,
    audit_id: int,
    did: str,
) -> None:
    people.begin(
        connection, digest, user_id=user.id, account_id=account_id, peer=peer, agent=agent, now=now,
        ends_us=rules.ends(now, now),
    )  # fmt: skip
    accounts.note(connection, account_id, audit_id, who=user.email, did=did, what=f"from {peer}", now=now)


def _onward(then: str) -> str:
    """Return where to go after signing in: a page of the console, never another site."""
    parts = urlsplit(then)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith(f"{ROOT}/") and "\\" not in then
    return then if is_ours and then.isascii() and then.isprintable() else f"{ROOT}/"


async def sign_out(visit: Visit) -> Answer:
    """End the session."""
    await visit.desk.store.run(people.end, visit.someone.digest)
    visit.begin(None, "")
    return visit.go(f"{ROOT}/sign-in", "You are signed out.")


async def choose_theme(visit: Visit) -> Answer:
    """Keep light, dark, or as the system has it, in the browser."""
    wanted = visit.form().get("theme", "auto")
    if wanted in THEMES:
        visit.cookie(THEME_COOKIE, wanted, seconds=365 * 86_400)
    return visit.go(_onward(urlsplit(visit.headers.get("referer", "")).path))


async def look_at(visit: Visit) -> Answer:
    """Look at another account."""
    wanted = visit.form().get("account", "")
    mine = await visit.desk.store.ask(people.accounts_of, visit.someone.user.id)
    chosen = next((each for each in mine if str(each[0]) == wanted), None)
    if chosen is None:
        raise NotAllowed("You have no role in that account.")
    await visit.desk.store.run(people.look_at, visit.someone.digest, chosen[0])
    return visit.go(f"{ROOT}/", f"You now look at {chosen[1]}.")


# ---- links that work once --------------------------------------------------------------------------------------------


async def ask_welcome(visit: Visit) -> Answer:
    """Show the form behind a link that works once."""
    token = visit.path["token"]
    return visit.show("welcome.html", **_told(token, *await _behind(visit, token)), wrong="", name="")


def _told(token: str, user: User | None, role: str) -> dict[str, Any]:
    return {
        "token": token,
        "email": "" if user is None else user.email,
        "is_first": user is None,
        "role": role,
        "has_second_step": user is not None and user.totp is not None,
    }


async def _behind(visit: Visit, token: str) -> tuple[User | None, str]:
    """Return for whom a link is, None for the first of all, and the role. Raise NotFound."""
    found = await visit.desk.store.ask(people.link, rules.digest_of(token), now=visit.desk.clock())
    return None if found.user_id is None else await visit.desk.store.ask(people.one, found.user_id), found.role


async def be_welcome(visit: Visit) -> Answer:
    """Use the link: make the first user, or keep the password that was chosen; begin a session.

    A link stands for the password, never for the second step: who found or stole it has not the authenticator.
    """
    form, token = visit.form(), visit.path["token"]
    known, role = await _behind(visit, token)
    shown = _told(token, known, role)
    email = form.get("email", "") if shown["is_first"] else shown["email"]
    try:
        email = rules.checked_email(email)
        name = rules.checked_name(form.get("name", "")) if shown["is_first"] else ""
        kept = await visit.door.hash(form.get("password", ""))
        if known is not None and known.totp is not None:
            await _check_code(visit, known, form.get("code", ""))
        user_id, account_id = await visit.desk.store.run(
            rules.accept, token, visit.desk.ids(), email=email, name=name, password=kept, now=visit.desk.clock()
        )
    except AftersendError as error:
        values = {**shown, "email": email, "name": form.get("name", ""), "wrong": error.detail}
        return visit.show("welcome.html", error.status, **values)
    user = await visit.desk.store.ask(people.one, user_id)
    did = "came in first, by a link" if known is None else "chose a password by a link, and signed in"
    return await _enter(visit, user, f"{ROOT}/first-mail" if known is None else "", account_id, did)
