"""Own the page of the person who is signed in: name, time zone, language, password, second step, where they are signed in."""

from __future__ import annotations

import base64
from zoneinfo import available_timezones

from aftersend.control import people as rules
from aftersend.control import seal, totp
from aftersend.errors import AftersendError, BadField
from aftersend.store import people
from aftersend.store.connection import Connection
from aftersend.web.administration import change
from aftersend.web.calls import Answer
from aftersend.web.console import qr
from aftersend.web.console.catalogue import LANGUAGES
from aftersend.web.console.visits import ROOT, Visit

PLACE = f"{ROOT}/me"


async def show(visit: Visit, wrong: str = "", secret: bytes | None = None) -> Answer:
    """Show it."""
    user = visit.someone.user
    now = visit.desk.clock()
    otpauth = "" if secret is None else totp.address(secret, user.email, f"Aftersend {visit.desk.rules.hostname}")
    return visit.show(
        "me.html",
        422 if wrong else 200,
        user=user,
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")),
        languages=LANGUAGES,
        chosen=user.preferences.get("language", ""),
        sessions=await visit.desk.store.ask(people.sessions_of, user.id, now=now),
        accounts=await visit.desk.store.ask(people.accounts_of, user.id),
        says=rules.ROLES,
        wrong=wrong,
        secret="" if secret is None else totp.shown(secret),
        otpauth=otpauth,
        drawing=qr.drawing(otpauth, "The secret as a QR code") if otpauth else "",
    )


async def save(visit: Visit) -> Answer:
    """Keep name, time zone and language."""
    form = visit.form()
    try:
        name, zone, language = (
            rules.checked_name(form.get("name", "")),
            form.get("zone", "UTC"),
            form.get("language", ""),
        )
        if zone != "UTC" and zone not in available_timezones():
            raise BadField("#/zone", "Choose a time zone of the list.")
        if language and language not in LANGUAGES:
            raise BadField("#/language", "Choose a language of the list.")
    except AftersendError as error:
        return await show(visit, error.detail)
    user = visit.someone.user
    await visit.desk.store.run(people.prefer, user.id, name, {**user.preferences, "zone": zone, "language": language})
    return visit.go(PLACE, "It is kept.")


async def guess_zone(visit: Visit) -> Answer:
    """Take the browser's time zone for somebody who has not chosen one; whoever has chosen keeps it."""
    user, zone = visit.someone.user, visit.form().get("zone", "")
    if "zone" not in user.preferences and zone in available_timezones():
        await visit.desk.store.run(people.prefer, user.id, user.name, {**user.preferences, "zone": zone})
    return Answer(b"", 204)


async def set_password(visit: Visit) -> Answer:
    """Keep another password; all other sessions end."""
    form, user = visit.form(), visit.someone.user
    try:
        await visit.door.confirm(user, form.get("old", ""))
        kept = await visit.door.hash(form.get("password", ""))
    except AftersendError as error:
        return await show(visit, error.detail)
    token, digest = rules.fresh_token()
    session = visit.someone
    await change(
        visit, "chose another password", user.email, _changed, user.id, kept,
        digest=digest, peer=session.peer, agent=session.agent, now=visit.desk.clock(),
    )  # fmt: skip
    visit.begin(await visit.desk.store.ask(people.session, digest, now=visit.desk.clock()), token)
    return visit.go(PLACE, "The password is changed, and all other sessions have ended.")


def _changed(
    connection: Connection, account_id: int, user_id: int, kept: str, *, digest: bytes, peer: str, agent: str, now: int
) -> None:
    people.set_password(connection, user_id, kept)
    people.begin(
        connection, digest, user_id=user_id, account_id=account_id, peer=peer, agent=agent, now=now,
        ends_us=rules.ends(now, now),
    )  # fmt: skip


async def end_others(visit: Visit) -> Answer:
    """End all sessions but this one."""
    many = await visit.desk.store.run(people.end_others, visit.someone.user.id, visit.someone.digest)
    return visit.go(PLACE, f"{many} other {'session has' if many == 1 else 'sessions have'} ended.")


_IS_ON = "The second step is on. Turn it off first, with your password; then set up another app."
"""Else whoever finds a browser signed in could put an app of their own in the place of the right one."""


async def begin_second_step(visit: Visit) -> Answer:
    """Show a secret for an authenticator app; it counts only when its first code has come."""
    if visit.someone.user.totp is not None:
        return await show(visit, _IS_ON)
    return await show(visit, secret=totp.fresh_secret())


async def finish_second_step(visit: Visit) -> Answer:
    """Keep the secret, once a code shows that the app has it."""
    form, user = visit.form(), visit.someone.user
    if user.totp is not None:
        return await show(visit, _IS_ON)
    try:
        secret = base64.b32decode(form.get("secret", ""))
    except ValueError:
        return await show(visit, "The secret cannot be read; begin again.")
    if len(secret) != 20 or totp.step_of(secret, form.get("code", ""), now=visit.desk.clock()) is None:
        return await show(visit, "The code is not right. Type the one that the app shows now.", secret)
    sealed = seal.seal(visit.desk.secret, secret, belongs_to=f"user {user.id}")
    await change(visit, "turned the second step on", user.email, _keep, user.id, sealed)
    return visit.go(PLACE, "From now on a code is asked for at each sign-in.")


async def end_second_step(visit: Visit) -> Answer:
    """Sign in with the password alone again; the password is asked for."""
    user = visit.someone.user
    try:
        await visit.door.confirm(user, visit.form().get("password", ""))
    except AftersendError as error:
        return await show(visit, error.detail)
    await change(visit, "turned the second step off", user.email, _keep, user.id, None)
    return visit.go(PLACE, "No code is asked for any more.")


def _keep(connection: Connection, account_id: int, user_id: int, sealed: bytes | None) -> None:
    people.set_totp(connection, user_id, sealed)
