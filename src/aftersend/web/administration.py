"""Answer about what belongs to an account, and change it: keys, domains, streams, suppressions; with a note of every change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aftersend import ids
from aftersend.clock import HOUR, SECOND
from aftersend.control import domains, limiting
from aftersend.control import keys as api_keys
from aftersend.control.domains import Place
from aftersend.errors import BadField, BadFields, NotAllowed, NotFound, TryLater
from aftersend.mail import address
from aftersend.policy import pace, windows
from aftersend.reports import search, suppressed
from aftersend.reports.telling import moment
from aftersend.store import accounts, deliveries, suppressions, verbs
from aftersend.store.accounts import Key
from aftersend.store.connection import Connection
from aftersend.web import lists, reading
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.shapes import DomainIn, KeyIn, StreamIn, SuppressionIn

T = TypeVar("T")

SUPPRESSION_FILTER = (
    Parameter("cause", "bounced, unsubscribed, complained, soft_bounces, or what a person wrote."),
    Parameter("origin", "learned or configured.", schema={"enum": ["learned", "configured"]}),
    Parameter(
        "everywhere", "The list that holds for all accounts; needs the scope `operate`.", schema={"type": "boolean"}
    ),
    Parameter("stream", "One stream's list."),
    Parameter("q", "A part of the address."),
)


async def change(call: Call, did: str, what: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Make a change and write down who made it, in one transaction."""
    return await note_change(call, call.account_id, did, what, function, *args, **kwargs)


async def note_change(
    call: Call, account_id: int, did: str, what: str, function: Callable[..., T], *args: Any, **kwargs: Any
) -> T:
    """As `change`, of an account that the operator names."""
    note = {"audit_id": call.desk.ids(), "who": call.who, "did": did, "what": what, "now": call.desk.clock()}
    changed: T = await call.desk.store.run(_noted, account_id, note, function, args, kwargs)
    return changed


def _noted(
    connection: Connection,
    account_id: int,
    note: dict[str, Any],
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    changed = function(connection, account_id, *args, **kwargs)
    accounts.note(connection, account_id, **note)
    return changed


# ---- keys ----------------------------------------------------------------------------------------------------------


async def list_keys(call: Call) -> Answer:
    """List the account's keys, revoked ones too."""
    return lists.whole([_told_key(key) for key in await call.desk.store.ask(accounts.keys_of, call.account_id)])


async def make_key(call: Call) -> Answer:
    """Make a key; no key can give more than it has."""
    asked = reading.convert(reading.json(call.body), KeyIn)
    wanted = api_keys.checked_scopes(asked.scopes)
    for i, scope in enumerate(wanted):
        if not api_keys.may(call.key, scope):
            raise BadField(
                f"#/scopes/{i}", f"Your own key has no scope “{scope}”, so it cannot give it.", code="scope-missing"
            )
    key_id, now = call.desk.ids(), call.desk.clock()
    secret = await change(
        call, "made a key", asked.name, api_keys.create, key_id,
        name=asked.name, scopes=wanted, networks=asked.networks, kind=asked.kind, now=now,
    )  # fmt: skip
    (key,) = [key for key in await call.desk.store.ask(accounts.keys_of, call.account_id) if key.id == key_id]
    return Answer({**_told_key(key), "key": secret}, 201)


async def revoke_key(call: Call) -> Answer:
    """Make a key useless, on this node at once, on others within seconds."""
    key_id = ids.read("key", call.path["id"])
    await change(call, "revoked a key", call.path["id"], accounts.revoke_key, key_id, now=call.desk.clock())
    call.desk.keys.forget()
    return Answer(None, 204)


def _told_key(key: Key) -> dict[str, Any]:
    return {
        "id": ids.show("key", key.id),
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "networks": list(key.networks),
        "created_at": moment(key.created_us),
        "used_at": moment(key.used_us),
        "revoked_at": moment(key.revoked_us),
    }


# ---- domains -------------------------------------------------------------------------------------------------------


async def list_domains(call: Call) -> Answer:
    """List the account's sending domains."""
    return lists.whole([_told_domain(row) for row in await call.desk.store.ask(accounts.domains_of, call.account_id)])


async def add_domain(call: Call) -> Answer:
    """Add a sending domain and make its signing keys."""
    given = reading.convert(reading.json(call.body), DomainIn)
    wanted = domains.checked_name(given.name)
    sign_now = given.sign_now or call.desk.rules.is_practice  # nobody publishes anything for the practice world
    fresh = await asyncio.to_thread(domains.fresh_keys)
    name = await change(
        call, "added a domain", wanted, domains.add, wanted,
        fresh=fresh, secret=_secret(call), now=call.desk.clock(), sign_now=sign_now,
    )  # fmt: skip
    await call.desk.changed()
    return Answer(_told_domain(await call.desk.store.ask(domains.one, call.account_id, name)), 201)


async def one_domain(call: Call) -> Answer:
    """Answer with a sending domain."""
    return Answer(_told_domain(await call.desk.store.ask(domains.one, call.account_id, _domain(call))))


async def remove_domain(call: Call) -> Answer:
    """Remove a sending domain and its keys."""
    await change(call, "removed a domain", _domain(call), domains.remove, _domain(call))
    await call.desk.changed()
    return Answer(None, 204)


async def domain_records(call: Call) -> Answer:
    """Answer with the DNS records to publish."""
    place = _place(call)
    found = await call.desk.store.ask(domains.records, call.account_id, _domain(call), place=place)
    return lists.whole([record.as_dict() for record in found])


async def rotate_domain(call: Call) -> Answer:
    """Make new signing keys; they sign as soon as a check has seen their records."""
    await call.desk.store.ask(domains.one, call.account_id, _domain(call))
    fresh = await asyncio.to_thread(domains.fresh_keys)
    made = await change(
        call, "made new signing keys", _domain(call), domains.rotate, _domain(call),
        fresh=fresh, secret=_secret(call), now=call.desk.clock(),
    )  # fmt: skip
    await call.desk.changed()
    return Answer({"selectors": made})


async def check_domain(call: Call) -> Answer:
    """Ask the DNS for a domain's records, and keep what was found."""
    desk, place = call.desk, _place(call)
    name = _domain(call)
    wanted = await desk.store.ask(domains.records, call.account_id, name, place=place)
    if desk.resolver is None:
        raise TryLater("This node cannot ask the DNS; use “aftersend domain check”.")
    findings = await domains.check(desk.resolver, name, wanted, place)
    await desk.store.run(domains.keep, call.account_id, name, findings, now=desk.clock())
    await desk.changed()
    return Answer(_told_domain(await desk.store.ask(domains.one, call.account_id, name)))


def _domain(call: Call) -> str:
    try:
        return domains.checked_name(call.path["name"])
    except BadField as error:
        raise NotFound(f"There is no such domain: {error.detail}") from None


def _place(call: Call) -> Place:
    rules = call.desk.rules
    return Place(rules.hostname, rules.return_domain)


def _secret(call: Call) -> Any:
    if call.desk.secret is None:
        raise TryLater("This node has no secret to seal signing keys with.")
    return call.desk.secret


def _told_domain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "created_at": moment(row["created_us"]),
        "verified_at": moment(row["verified_us"]),
        "checked_at": moment(row["checked_us"]),
        "signs": row["signs"],
        "findings": row["findings"],
    }


# ---- streams -------------------------------------------------------------------------------------------------------


async def list_streams(call: Call) -> Answer:
    """List the account's streams."""
    found = await call.desk.store.ask(accounts.all_streams)
    own = sorted(
        (stream for (account_id, _), stream in found.items() if account_id == call.account_id), key=lambda s: s.name
    )
    return lists.whole([_told_stream(s.name, s.kind, s.lifetime_s, s.hours, s.rate) for s in own])


async def add_stream(call: Call) -> Answer:
    """Make a stream, or change one."""
    asked = reading.convert(reading.json(call.body), StreamIn)
    windows.read(asked.hours)
    pace.read(asked.rate)
    lifetime_s = max(1, int(asked.lifetime_hours * HOUR // SECOND))
    await change(
        call, "set a stream", asked.name, accounts.add_stream, asked.name,
        kind=asked.kind, lifetime_s=lifetime_s, now=call.desk.clock(), hours=asked.hours,
        rate=asked.rate,
    )  # fmt: skip
    await call.desk.changed()
    await look_anew(call, limiting.of_stream(call.account_id, asked.name))
    return Answer(_told_stream(asked.name, asked.kind, lifetime_s, asked.hours, asked.rate), 201)


async def look_anew(call: Call, changed: limiting.Changed) -> None:
    """Let what hours or rates held back be looked at by those that hold now, a page in a transaction."""
    store = call.desk.store
    accounts_ = await store.ask(changed.accounts)
    for page in limiting.pages(changed, accounts_, now=call.desk.clock()):
        await store.run(page)


def _told_stream(name: str, kind: str, lifetime_s: int, hours: str, rate: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "lifetime_hours": lifetime_s / 3600, "hours": hours, "rate": rate}


# ---- suppressions --------------------------------------------------------------------------------------------------


async def list_suppressions(call: Call) -> Answer:
    """List the addresses that are not mailed, by address."""
    found = lists.taken(call, "cause", "origin", "stream", "q", "everywhere")
    limit = lists.limit_of(found)
    cursor = found.get("after")
    after = None if cursor is None else (cursor.partition(" ")[0], cursor.partition(" ")[2])
    rows = await call.desk.store.ask(
        suppressions.page, _owner(call, found), limit=limit + 1, after=after,
        cause=found.get("cause"), origin=found.get("origin"), stream=found.get("stream"),
        part=found["q"].casefold() if "q" in found else None,
    )  # fmt: skip
    has_more, rows = len(rows) > limit, rows[:limit]
    last = f"{rows[-1]['folded']} {rows[-1]['stream']}".rstrip() if has_more else None
    return lists.page(call, [suppressed.told(row) for row in rows], has_more=has_more, after=last)


async def why_suppressed(call: Call) -> Answer:
    """Answer why an address is not mailed."""
    desk = call.desk
    rows = await desk.store.ask(suppressed.why, call.account_id, _folded(call), desk.suppression, now=desk.clock())
    return lists.whole(rows)


async def suppress(call: Call) -> Answer:
    """Put an address on the account's own list."""
    asked = reading.convert(reading.json(call.body) if call.body.strip() else {}, SuppressionIn)
    now, folded = call.desk.clock(), _folded(call)
    wrong = []
    if asked.stream and (call.account_id, asked.stream) not in await call.desk.store.ask(accounts.all_streams):
        wrong.append(BadField("#/stream", f"There is no stream {asked.stream!r}.", code="unknown-stream"))
    for name, value in (("cause", asked.cause), ("why", asked.why)):
        if not value.isprintable():
            wrong.append(BadField(f"#/{name}", "Write one line, of printable characters."))
    expires = None
    if asked.expires_at is not None:
        try:
            expires = search.ahead(asked.expires_at, "expires_at", now=now)
        except BadField as error:
            wrong.append(error)
    if asked.everywhere:
        check_operates(call)
        if asked.stream:
            wrong.append(BadField("#/stream", "Streams belong to accounts; what holds everywhere is for all streams."))
    if wrong:
        raise BadFields(wrong)
    owner = suppressions.PLATFORM if asked.everywhere else call.account_id
    is_new = await change(
        call, _everywhere("suppressed an address", owner), folded, _listed, owner, suppressions.put, folded,
        cause=asked.cause, origin=suppressions.CONFIGURED, now=now, stream=asked.stream, expires_us=expires,
        evidence={"by": call.who} | ({"why": asked.why} if asked.why else {}),
    )  # fmt: skip
    return Answer(
        await call.desk.store.ask(suppressed.put, call.account_id, owner, folded, asked.stream, is_new=is_new)
    )


async def unsuppress(call: Call) -> Answer:
    """Take an address off the lists."""
    found = lists.taken(call, "stream", "everywhere", cursors=())
    await take_off(call, _owner(call, found), _folded(call), stream=found.get("stream"))
    return Answer(None, 204)


async def take_off(call: Call, owner: int, folded: str, *, stream: str | None) -> None:
    """Take an address off a stream's list ("" for the one of all streams), or off every one of an owner. Raise NotFound."""
    await change(
        call, _everywhere("took an address off the list", owner), folded, _listed, owner, suppressions.remove, folded,
        stream=stream,
    )  # fmt: skip


def check_operates(call: Call) -> None:
    """Raise NotAllowed unless the key belongs to those who run the installation."""
    if not api_keys.may(call.key, "operate"):
        raise NotAllowed(
            f"The key “{call.key.name}” may change its own account only; this needs the scope “operate”.",
            code="scope-missing",
        )


def _owner(call: Call, found: dict[str, str]) -> int:
    """Whose list is meant: the account's, or the installation's."""
    if "everywhere" not in found or not reading.truth(found["everywhere"], "everywhere"):
        return call.account_id
    check_operates(call)
    return suppressions.PLATFORM


def _everywhere(did: str, owner: int) -> str:
    return f"{did} for all accounts" if owner == suppressions.PLATFORM else did


def _listed(connection: Connection, _noted: int, owner: int, function: Callable[..., T], *args: Any, **kw: Any) -> T:
    return function(connection, owner, *args, **kw)


def _folded(call: Call) -> str:
    try:
        return address.list_key(call.path["address"])
    except BadField as error:
        raise BadField("#/address", error.detail, code=error.code) from None


# ---- the rest ------------------------------------------------------------------------------------------------------


async def refusals(call: Call) -> Answer:
    """List submissions that got an error reply, newest first."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    before = ids.read("rfs", found["after"]) if "after" in found else None
    rows = await call.desk.store.ask(deliveries.refusals_of, call.account_id, limit=limit + 1, before=before)
    has_more, rows = len(rows) > limit, rows[:limit]
    told = [
        {
            "id": ids.show("rfs", row["id"]),
            **{name: row[name] for name in ("via", "peer", "sender", "recipient", "code", "said")},
            "occurred_at": moment(row["occurred_us"]),
        }
        for row in rows
    ]
    return lists.page(call, told, has_more=has_more, after=told[-1]["id"] if has_more else None)


async def queue(call: Call) -> Answer:
    """Say what waits, by stage."""
    told = [
        {
            "stage": row["stage"],
            "deliveries": row["deliveries"],
            "claimed": row["claimed"],
            "first_due_at": moment(row["first_due_us"]),
            "last_due_at": moment(row["last_due_us"]),
        }
        for row in await call.desk.store.ask(verbs.summary, call.account_id)
    ]
    return lists.whole(told)


async def account(call: Call) -> Answer:
    """Say whose key this is."""
    (found,) = [row for row in await call.desk.store.ask(accounts.listed) if row["id"] == call.account_id]
    return Answer(
        {
            "id": str(found["id"]),
            "name": found["name"],
            "created_at": moment(found["created_us"]),
            "key": _told_key(call.key),
        }
    )


async def audit(call: Call) -> Answer:
    """List the latest changes, newest first."""
    found = lists.taken(call, "q")
    limit = lists.limit_of(found)
    before = ids.read("aud", found["after"]) if "after" in found else None
    rows = await call.desk.store.ask(
        accounts.noted, call.account_id, limit=limit + 1, before=before, part=found.get("q", "")
    )
    has_more, rows = len(rows) > limit, rows[:limit]
    told = [
        {
            "id": ids.show("aud", row["id"]),
            "who": row["who"],
            "did": row["did"],
            "what": row["what"],
            "occurred_at": moment(row["occurred_us"]),
        }
        for row in rows
    ]
    return lists.page(call, told, has_more=has_more, after=told[-1]["id"] if has_more else None)
