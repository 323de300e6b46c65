"""Work straight on the store of this machine: with the service running or not, for the operator."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from aftersend import clock
from aftersend.config import Settings, load
from aftersend.control import domains, limiting, queue_verbs
from aftersend.control.domains import Finding, Place, Record
from aftersend.control.secret import Secret, installation_secret
from aftersend.errors import AftersendError, BadField, Conflict, SettingsError, TryLater
from aftersend.ids import IdSource
from aftersend.mail.address import list_key
from aftersend.policy import pace, windows
from aftersend.store import Engine, accounts, deliveries, nodes, suppressions, upgrade, verbs
from aftersend.store.connection import Connection
from aftersend.store.filters import Filter

if TYPE_CHECKING:
    from aftersend.intake import Request
    from aftersend.store.record import Receipt
    from aftersend.web.calls import Call

P = ParamSpec("P")
T = TypeVar("T")
Question = Callable[Concatenate[Connection, P], T]


class Here:
    """The store of this machine and its settings. Opened when first needed."""

    def __init__(self, config: str | None = None, account: str | None = None) -> None:
        self.settings: Settings = load(config)
        self._account_name = account
        self.ids = IdSource(clock.now, 0)
        self.who = f"{getpass.getuser()} at {socket.gethostname()}"
        """Who is at the keyboard, for the ledger and the audit."""

    # ---- the store -------------------------------------------------------------------------------------------------

    @cached_property
    def engine(self) -> Engine:
        """The database as it is; SettingsError when there is none, or when it is not the one that this version knows."""
        self._must_exist()
        engine = Engine(self.settings.store_url)
        with translated(), engine.reading() as connection:
            found = upgrade.version(connection)
        if found != upgrade.HEAD:
            raise SettingsError(
                "The database is empty. Make it with: aftersend db upgrade"
                if found is None
                else f"The database has schema {found}, this Aftersend knows {upgrade.HEAD}. Run: aftersend db upgrade"
            )
        return engine

    def _must_exist(self) -> None:
        url = self.settings.store_url
        path = url.removeprefix("sqlite:///")
        if url.startswith("sqlite") and not _exists(path):
            raise SettingsError(
                f"There is no database at {path} yet. It is made by “aftersend serve”, or by “aftersend db upgrade”. If it is "
                "elsewhere, name it: --config FILE, or AFTERSEND_DATA_DIR."
            )

    def close(self) -> None:
        """Close the database, if it was opened."""
        engine = self.__dict__.pop("engine", None)
        if engine is not None:
            engine.close()

    def prepare(self) -> str | None:
        """Make the database, or bring it up to date; return the version that its schema had, None if it was new."""
        with translated():
            engine = Engine(self.settings.store_url)
            before = upgrade.upgrade(engine)
            with engine.writing() as connection:
                installation_secret(self.settings, connection)
                accounts.ensure_first(connection, now=clock.now())
            engine.close()
        return before

    def prepare_once(self) -> None:
        """Make the database if there is none."""
        if "engine" not in self.__dict__:
            self.prepare()

    def read(self, question: Question[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the store."""
        with translated(), self.engine.reading() as connection:
            return question(connection, *args, **kwargs)

    def write(self, command: Question[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Change the store, in a transaction of its own, durable on return."""
        with translated(), self.engine.writing() as connection:
            return command(connection, *args, **kwargs)

    @cached_property
    def secret(self) -> Secret:
        """The installation's secret."""
        return self.write(lambda connection: installation_secret(self.settings, connection))

    @cached_property
    def account(self) -> int:
        """The account that is meant: named, or the first."""
        name = self._account_name
        return accounts.FIRST_ACCOUNT if name is None else self.read(accounts.named, name)

    def audit(self, did: str, what: str) -> None:
        """Write down who changed what."""
        self.write(accounts.note, self.account, self.ids(), who=self.who, did=did, what=what, now=clock.now())

    # ---- questions about mail ----------------------------------------------------------------------------------------

    def page(
        self, words: Sequence[tuple[str, str]], *, limit: int, after: str | None = None, before: str | None = None
    ) -> list[dict[str, Any]]:
        """Return rows of the log, newest first."""
        from aftersend.reports import log, search

        wanted = search.read(words, now=clock.now())
        return self.read(log.page, self.account, wanted, limit=limit, after=after, before=before).rows

    def delivery(self, shown: str) -> dict[str, Any]:
        """Return one delivery whole. Raise NotFound."""
        from aftersend import ids
        from aftersend.reports import history

        return self.read(history.delivery, self.account, ids.read("dlv", shown))

    def message_deliveries(self, shown: str) -> list[dict[str, Any]]:
        """Return the deliveries of a message, in the order in which its recipients were named. Raise NotFound."""
        from aftersend import ids
        from aftersend.reports import history

        return self.read(history.deliveries_of, self.account, ids.read("msg", shown))

    def messages(
        self, words: Sequence[tuple[str, str]], *, limit: int, after: str | None = None
    ) -> list[dict[str, Any]]:
        """Return messages, newest first."""
        from aftersend.reports import messages, search

        wanted = search.read(words, now=clock.now(), known=messages.WORDS)
        return self.read(messages.page, self.account, wanted, limit=limit, after=after).rows

    def refusals(self, *, limit: int) -> list[dict[str, Any]]:
        """Return submissions that were refused, newest first."""
        from aftersend import ids
        from aftersend.reports.telling import moment, parsed

        found = self.read(deliveries.refusals_of, self.account, limit=limit)
        return [
            {
                "id": ids.show("rfs", row["id"]),
                "occurred_at": moment(row["occurred_us"]),
                **{name: row[name] for name in ("via", "peer", "sender", "recipient", "code", "said")},
                "evidence": parsed(row["evidence"]),
            }
            for row in found
        ]

    def queue(self) -> dict[str, Any]:
        """Return what waits, by stage, and the nodes at work."""
        from aftersend.reports.telling import moment

        stages = [
            {
                "stage": row["stage"],
                "deliveries": row["deliveries"],
                "claimed": row["claimed"],
                "first_due_at": moment(row["first_due_us"]),
                "last_due_at": moment(row["last_due_us"]),
            }
            for row in self.read(verbs.summary, self.account)
        ]
        at_work = [
            {"number": number, "name": name, "started_at": moment(since), "lease_ends_at": moment(until)}
            for number, name, since, until in self.read(nodes.listed)
        ]
        return {"deliveries": sum(stage["deliveries"] for stage in stages), "stages": stages, "nodes": at_work}

    def report(self, name: str, words: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return one vocabulary with the number behind each word."""
        from aftersend.reports import activity

        return self.read(activity.report, self.account, name, self._period(words))

    def bounces(
        self, words: Sequence[tuple[str, str]], *, limit: int, after: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of bounces, and the id behind which there are more, or None."""
        from aftersend.reports import bounces

        return self.read(bounces.page, self.account, words, now=clock.now(), limit=limit, after=after)

    def bounce_numbers(self, by: str, words: Sequence[tuple[str, str]], *, limit: int) -> dict[str, Any]:
        """Return how many bounces there are by one of their sides."""
        from aftersend.reports import bounces

        return self.read(bounces.breakdown, self.account, by, words, now=clock.now(), most=limit)

    def conservation(self, words: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return whether everybody is accounted for."""
        from aftersend.reports import activity

        return self.read(activity.conservation, self.account, self._period(words))

    def attention(self) -> dict[str, Any]:
        """Return what needs somebody now."""
        from aftersend.reports import attention

        return self.read(attention.items, self.account, now=clock.now())

    def _period(self, words: Sequence[tuple[str, str]]) -> Any:
        from aftersend.reports.activity import Period
        from aftersend.reports.search import check_order, instant

        given, now = dict(words), clock.now()
        since, until = (instant(given[n], n, now=now) if n in given else None for n in ("since", "until"))
        check_order(since, until)
        return Period(since, until, given.get("stream"))

    # ---- submitting --------------------------------------------------------------------------------------------------

    @property
    def is_asleep(self) -> bool:
        """Whether no service works on this store just now."""
        now = clock.now()
        return not any(until > now for *_, until in self.read(nodes.listed))

    def send(self, message: Mapping[str, Any], *, idempotency_key: str | None) -> dict[str, Any]:
        """Submit a message given by its parts; return its id and one delivery for each recipient."""
        from aftersend.web import composing

        return self._submit(
            lambda call: composing.from_json(call, dict(message), idempotency_key=idempotency_key), b"", b""
        )

    def send_raw(
        self, content: bytes, sender: str, recipients: Sequence[str], *, idempotency_key: str | None
    ) -> dict[str, Any]:
        """Submit a whole message as it is."""
        from urllib.parse import urlencode

        from aftersend.web import composing

        envelope = urlencode([("from", sender), *(("to", recipient) for recipient in recipients)]).encode()

        async def compose(call: Call) -> Request:
            return composing.from_mime(call, idempotency_key=idempotency_key)

        return self._submit(compose, content, envelope)

    def _submit(self, compose: Callable[[Call], Awaitable[Request]], body: bytes, envelope: bytes) -> dict[str, Any]:
        """Take the way that a request over HTTP takes, without the network."""
        from aftersend import app

        self.prepare_once()
        return cast("dict[str, Any]", app.run(self._submitted(compose, body, envelope)))

    def ask(
        self,
        method: str,
        path: str,
        *,
        words: Sequence[tuple[str, Any]] = (),
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Let the API's route answer without the network, as `There.ask` does over it."""
        from aftersend import app
        from aftersend.cli import desk

        self.prepare_once()
        return app.run(desk.ask(self, method, path, words=words, json=json, body=body, headers=headers or {}))

    async def _submitted(
        self, compose: Callable[[Call], Awaitable[Request]], body: bytes, envelope: bytes
    ) -> dict[str, Any]:
        from aftersend import ids
        from aftersend.cli import desk
        from aftersend.ledger.explain import headline_fact
        from aftersend.ledger.facts import Facts

        async def accepted(call: Call) -> Receipt:
            return await call.desk.intake.accept(await compose(call))

        receipt = await desk.at_desk(self, accepted, body=body, query=envelope)
        deliveries_ = [
            {"id": ids.show("dlv", i), "recipient": r, "status": fact.word if (fact := headline_fact(Facts(f))) else ""}
            for i, r, f in receipt.deliveries
        ]
        return {"id": ids.show("msg", receipt.message_id), "status": "received", "deliveries": deliveries_}

    # ---- verbs on the queue ------------------------------------------------------------------------------------------

    def count(self, words: Sequence[tuple[str, str]]) -> int:
        """Count what a verb on the queue would touch."""
        return self.read(deliveries.how_many, self.account, self._live(words))

    def act(
        self, verb: str, words: Sequence[tuple[str, str]], why: str, on_page: Callable[[int], None] = lambda seen: None
    ) -> dict[str, Any]:
        """Do a verb to all that wait and match, page by page; return how many were done and how many skipped, by reason.

        `on_page` is told after each page how many that were.
        """
        wanted = self._live(words)
        told = queue_verbs.Done()
        by = queue_verbs.Actor(self.who, why)
        for batch in self._slices(wanted):
            told.add(self.write(queue_verbs.act, self.account, verb, batch, by=by, ids=self.ids, now=clock.now()))
            on_page(len(batch))
        end = time.monotonic() + queue_verbs.PATIENCE_S
        while (busy := told.in_progress) and time.monotonic() < end:
            time.sleep(queue_verbs.AGAIN_S)
            for first in range(0, len(busy), queue_verbs.SLICE):
                batch = busy[first : first + queue_verbs.SLICE]
                told.again(self.write(queue_verbs.act, self.account, verb, batch, by=by, ids=self.ids, now=clock.now()))
        if told.done or told.skipped:
            self.audit(verb, f"{dict(words) or 'all'}: {len(told.done)} deliveries"[:1000])
        return told.as_dict()

    def reschedule(self, shown: str, at: int, why: str) -> dict[str, Any]:
        """Let a planned message go at another time. Raise NotFound, Conflict."""
        from aftersend import ids
        from aftersend.control import planning
        from aftersend.reports import messages

        number = ids.read("msg", shown)
        by = queue_verbs.Actor(self.who, why)
        end = time.monotonic() + queue_verbs.PATIENCE_S
        while True:
            try:
                self.write(planning.replan, self.account, number, at, by=by, ids=self.ids, now=clock.now())
                break
            except Conflict as error:
                if not queue_verbs.is_in_progress(error) or time.monotonic() > end:
                    raise
            time.sleep(queue_verbs.AGAIN_S)
        return self.read(messages.one, self.account, number)

    def _live(self, words: Sequence[tuple[str, str]]) -> Filter:
        from aftersend.reports import search

        return search.read([*words, ("live", "true")], now=clock.now())

    def _slices(self, wanted: Filter) -> Iterator[list[int]]:
        before: int | None = None
        while batch := self.read(deliveries.ids, self.account, wanted, limit=queue_verbs.SLICE, before=before):
            yield batch
            before = batch[-1]

    # ---- keys and streams --------------------------------------------------------------------------------------------

    def create_key(self, name: str, scopes: list[str], networks: list[str], kind: str) -> dict[str, Any]:
        """Make a key; the answer has it, once."""
        from aftersend import ids
        from aftersend.control import keys

        self.prepare_once()
        number = self.ids()
        secret = self.write(
            keys.create, self.account, number, name=name, scopes=scopes, networks=networks, kind=kind, now=clock.now()
        )
        self.audit("made a key", name)
        (made,) = [key for key in self.keys() if key["id"] == ids.show("key", number)]
        return {**made, "key": secret}

    def keys(self) -> list[dict[str, Any]]:
        """List the keys, revoked ones too."""
        from aftersend import ids
        from aftersend.reports.telling import moment

        return [
            {
                "id": ids.show("key", key.id),
                "name": key.name,
                "prefix": key.prefix,
                "scopes": list(key.scopes),
                "networks": list(key.networks),
                "created_at": moment(key.created_us),
                "used_at": moment(key.used_us),
                "revoked_at": moment(key.revoked_us),
            }
            for key in self.read(accounts.keys_of, self.account)
        ]

    def revoke_key(self, shown: str) -> None:
        """Make a key useless. Raise NotFound."""
        from aftersend import ids

        self.write(accounts.revoke_key, self.account, ids.read("key", shown), now=clock.now())
        self.audit("revoked a key", shown)

    def streams(self) -> list[dict[str, Any]]:
        """List the streams by name."""
        found = self.read(accounts.all_streams)
        own = sorted((s for (account, _), s in found.items() if account == self.account), key=lambda s: s.name)
        return [
            {"name": s.name, "kind": s.kind, "lifetime_hours": s.lifetime_s / 3600, "hours": s.hours, "rate": s.rate}
            for s in own
        ]

    def add_stream(self, name: str, kind: str, lifetime_hours: float, hours: str, rate: str) -> dict[str, Any]:
        """Make a stream, or change it."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name):
            raise BadField("#/name", "A stream has a name of 1 to 40 small letters, digits, hyphens and underscores.")
        windows.read(hours)
        pace.read(rate)
        self.prepare_once()
        seconds = max(1, int(lifetime_hours * 3600))
        self.write(
            accounts.add_stream, self.account, name,
            kind=kind, lifetime_s=seconds, now=clock.now(), hours=hours, rate=rate,
        )  # fmt: skip
        self._look_anew(limiting.of_stream(self.account, name))
        self.audit("set a stream", name)
        return {"name": name, "kind": kind, "lifetime_hours": seconds / 3600, "hours": hours, "rate": rate}

    # ---- credits -----------------------------------------------------------------------------------------------------

    def credits(self) -> dict[str, Any]:
        """Return what the account has."""
        from aftersend.control import credits

        return self.read(credits.standing, self.account)

    def credit_entries(self, *, limit: int) -> list[dict[str, Any]]:
        """Return what people and plans did to the purse, newest first."""
        from aftersend.control import credits
        from aftersend.store import credits as kept

        return [credits.told_entry(row) for row in self.read(kept.entries, self.account, limit=limit)]

    def top_up(self, amount: int, why: str) -> dict[str, Any]:
        """Put credits in, or take some out."""
        from aftersend.control import credits

        self.prepare_once()
        told = self.write(
            credits.top_up, self.account, amount=amount, why=why, who=self.who, ids=self.ids, now=clock.now()
        )
        self.audit("topped up credits", f"{amount:+}")
        return told

    def set_credit_plan(self, amount: int, period: str, mode: str) -> dict[str, Any]:
        """Set a plan, and fill the purse."""
        from aftersend.control import credits

        self.prepare_once()
        told = self.write(
            credits.set_plan, self.account,
            amount=amount, period=period, mode=mode, who=self.who, ids=self.ids, now=clock.now(),
        )  # fmt: skip
        self.audit("set a plan of credits", f"{amount} a {period}")
        return told

    def end_credit_plan(self) -> dict[str, Any]:
        """End the plan."""
        from aftersend.control import credits

        told = self.write(credits.end_plan, self.account, now=clock.now())
        self.audit("ended a plan of credits", "")
        return told

    def stop_credits(self) -> None:
        """Count the account's mail no longer. Raise NotFound."""
        from aftersend.store import credits

        self.write(credits.close_purse, self.account)
        self.audit("stopped counting mail", "")

    # ---- rates beside those of streams ---------------------------------------------------------------------------------

    def throttles(self) -> list[dict[str, Any]]:
        """List the rates of the account, and those that hold for all."""
        from aftersend.policy.throttles import EVERYBODY
        from aftersend.store import throttles

        rows = [row for owner in (self.account, EVERYBODY) for row in self.read(throttles.of_account, owner)]
        return [_told_throttle(row) for row in rows]

    def set_throttle(self, scope: str, name: str, rate: str, *, everywhere: bool) -> dict[str, Any]:
        """Hold mail to a rate."""
        from aftersend.policy.throttles import EVERYBODY, checked, is_of_all
        from aftersend.store import throttles

        name, rate = checked(scope, name, rate)
        everywhere = is_of_all(scope, everywhere=everywhere)
        self.prepare_once()
        owner, now = EVERYBODY if everywhere else self.account, clock.now()
        self.write(throttles.put, owner, scope, name, rate, now=now)
        self._look_anew(limiting.of_rate(owner, scope, name))
        self.audit("set a rate", f"{scope} {name} {rate}".replace("  ", " ") + (" for all" if everywhere else ""))
        return _told_throttle({"account_id": owner, "scope": scope, "name": name, "rate": rate, "began_us": now})

    def remove_throttle(self, scope: str, name: str, *, everywhere: bool) -> None:
        """Take a rate away. Raise NotFound."""
        from aftersend.policy.throttles import EVERYBODY, checked_name, is_of_all
        from aftersend.store import throttles

        name, everywhere = checked_name(scope, name), is_of_all(scope, everywhere=everywhere)
        owner = EVERYBODY if everywhere else self.account
        self.write(throttles.remove, owner, scope, name)
        self._look_anew(limiting.of_rate(owner, scope, name))
        self.audit("removed a rate", f"{scope} {name}".strip())

    def _look_anew(self, changed: limiting.Changed) -> None:
        """Let what hours or rates held back be looked at by those that hold now."""
        for page in limiting.pages(changed, self.read(changed.accounts), now=clock.now()):
            self.write(page)

    # ---- moderation --------------------------------------------------------------------------------------------------

    @property
    def _moderated(self) -> int | None:
        """The account that is named; None for all."""
        return None if self._account_name is None else self.account

    def judged(self, words: Mapping[str, str], *, limit: int) -> list[dict[str, Any]]:
        """List messages before the moderator, newest first, of all accounts if none is named."""
        from aftersend.control import moderation

        return self.read(
            moderation.listed, account_id=self._moderated, state=words.get("state"), rule=words.get("rule"),
            text=words.get("q"), limit=limit,
        )  # fmt: skip

    def judged_one(self, shown: str) -> dict[str, Any]:
        """Return one message before the moderator, with what it says. Raise NotFound."""
        from aftersend import ids
        from aftersend.control import moderation
        from aftersend.store import content

        message_id = ids.read("msg", shown)
        found = self.read(moderation.whole, self._moderated, message_id)
        raw = self.read(content.raw, found.pop("account_id"), message_id)
        return {**found, "content": raw[:65536].decode("utf-8", "backslashreplace")}

    def decide(
        self, action: str, shown: Sequence[str], words: Mapping[str, str], reason: str, *, teach: bool,
        on_page: Callable[[int], None] = lambda seen: None,
    ) -> dict[str, Any]:  # fmt: skip
        """Say yes or no to messages, named or found, page by page; `on_page` is told after each how many that were."""
        from aftersend import ids
        from aftersend.control import moderation

        done, skipped, before = 0, Counter[str](), None
        while True:
            listed = [ids.read("msg", each) for each in shown] or self.read(
                moderation.found_by, limit=moderation.AT_ONCE, before=before, **self._judged_by(words)
            )
            told = self.write(
                moderation.decide, action, listed, account_id=self._moderated, reason=reason, teach=teach,
                who=self.who, ids=self.ids, now=clock.now(),
            )  # fmt: skip
            done += told["done"]
            skipped.update(told["skipped"])
            on_page(len(listed))
            if shown or len(listed) < moderation.AT_ONCE:
                return {"done": done, "skipped": dict(skipped)}
            before = listed[-1]

    def count_judged(self, words: Mapping[str, str]) -> int:
        """Count the messages that a decision would be about."""
        from aftersend.control import moderation

        return self.read(moderation.how_many, **self._judged_by(words))

    def _judged_by(self, words: Mapping[str, str]) -> dict[str, Any]:
        return {
            "account_id": self._moderated, "state": words.get("state"), "rule": words.get("rule"), "text": words.get("q")
        }  # fmt: skip

    def moderation_policy(self) -> dict[str, Any]:
        """Say how mail is moderated: of the account that is named, or of all."""
        from aftersend.control import moderation

        return self.read(moderation.rule_of, self._moderated or 0)

    def set_moderation_policy(self, mode: str, first: int) -> dict[str, Any]:
        """Say how mail is moderated: of the account that is named, or of all."""
        from aftersend.control import moderation

        self.prepare_once()
        told = self.write(moderation.oversee, self._moderated or 0, mode=mode, first=first, now=clock.now())
        self.audit("set the moderation of mail", f"{mode}{'' if self._moderated else ' *'}")
        return told

    # ---- sending domains ---------------------------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        """What this installation is called in the DNS."""
        return Place(self.settings.hostname, self.settings.return_domain, self.settings.delivery.source_addresses)

    def add_domain(self, name: str, *, sign_now: bool = False) -> dict[str, Any]:
        """Add a sending domain and make its keys, which sign when their records were seen, or at once."""
        self.prepare_once()
        name = domains.checked_name(name)
        added = self.write(
            domains.add, self.account, name,
            fresh=domains.fresh_keys(), secret=self.secret, now=clock.now(), sign_now=sign_now,
        )  # fmt: skip
        self.audit("added a domain", added)
        return _told_domain(self.read(domains.one, self.account, added))

    def domains(self) -> list[dict[str, Any]]:
        """List the sending domains."""
        return [_told_domain(row) for row in self.read(accounts.domains_of, self.account)]

    def domain_records(self, name: str) -> list[dict[str, Any]]:
        """Return the DNS records to publish. Raise NotFound."""
        return [record.as_dict() for record in self.read(domains.records, self.account, name, place=self.place)]

    def check_domain(self, name: str) -> dict[str, Any]:
        """Ask the DNS, keep what was found, and return it. Raise NotFound."""
        from aftersend import app

        wanted = self.read(domains.records, self.account, name, place=self.place)
        findings = app.run(self._checked(domains.checked_name(name), wanted))
        self.write(domains.keep, self.account, name, findings, now=clock.now())
        return _told_domain(self.read(domains.one, self.account, name))

    async def _checked(self, name: str, wanted: list[Record]) -> list[Finding]:
        from aftersend.config import address
        from aftersend.delivery import Resolver

        server = address(self.settings.dns.server) if self.settings.dns.server else None
        return await domains.check(Resolver(clock.now, server), name, wanted, self.place)

    def score(
        self,
        raw: bytes,
        *,
        is_broadcast: bool,
        with_dns: bool,
        with_engines: bool,
        recipients: Sequence[str],
        with_links: bool = False,
    ) -> dict[str, Any]:
        """Score a message; without a database nobody knows which domains are the account's."""
        from dataclasses import replace

        from aftersend import app
        from aftersend.config import address
        from aftersend.control import scoring
        from aftersend.delivery import Resolver

        try:
            asked = self.read(scoring.of_account, self.account, raw, self.place, is_broadcast=is_broadcast)
        except SettingsError:
            asked = scoring.Asked(is_broadcast)
        asked = replace(asked, with_dns=with_dns, with_engines=with_engines, recipients=recipients)
        server = address(self.settings.dns.server) if self.settings.dns.server else None

        async def scored() -> dict[str, Any]:
            names = Resolver(clock.now, server)
            scorer = app.scorer(self.settings, names, clock.now)
            try:
                more, unknown = await self._links(raw, names) if with_links else ([], [])
                asked_so = replace(asked, more=more, unknown=unknown)
                told: dict[str, Any] = (await scorer.score(raw, asked_so)).as_dict()
                return told
            finally:
                await scorer.close()

        found: dict[str, Any] = app.run(scored())
        return found

    async def _links(self, raw: bytes, names: Any) -> tuple[Any, Any]:
        from urllib.parse import urlsplit

        from aftersend.policy.score.sample import read
        from aftersend.web import link_check
        from aftersend.webhooks.guard import Allowance

        ours = {self.settings.hostname.lower(), urlsplit(self.settings.tracking.url).hostname or ""}
        chosen = self.settings.webhooks
        allowance = Allowance.of(chosen.allow_networks)
        urls = link_check.worth_checking(read(raw), ours)
        return await link_check.check(urls, names, allowance, agent="Aftersend")

    def quality(self) -> tuple[Any, Any]:
        """Return what answers questions of the DNS, and what scores messages."""
        from aftersend import app
        from aftersend.config import address
        from aftersend.delivery import Resolver

        names = Resolver(clock.now, address(self.settings.dns.server) if self.settings.dns.server else None)
        return names, app.scorer(self.settings, names, clock.now)

    def forecast(self, addresses: Sequence[str], list_name: str | None, *, with_dns: bool = True) -> dict[str, Any]:
        """Say what is to be expected of addresses, or of a list."""
        return dict(self._forecast(addresses, list_name, with_dns=with_dns)[0].as_dict(200_000))

    def clean_list(self, name: str) -> dict[str, Any]:
        """Take those off a list to whom mail would bounce. Raise NotFound."""
        from aftersend.store import histories

        found, gone = self._forecast((), name, with_dns=True)
        removed = self.write(histories.leave, self.account, name, gone) if gone else 0
        self.audit("cleaned a list", name)
        return {"name": name, "removed": removed, "forecast": found.as_dict(1000)}

    def _forecast(self, addresses: Sequence[str], list_name: str | None, *, with_dns: bool) -> tuple[Any, list[int]]:
        """What is to be expected, and the contacts on the list to whom mail would bounce."""
        from aftersend import app
        from aftersend.config import address
        from aftersend.control import forecasting
        from aftersend.delivery import Resolver
        from aftersend.store import histories, scores

        people: list[tuple[int, str]] = []
        if list_name is not None:
            most = forecasting.ADDRESSES_MOST + 1
            people = self.read(histories.members, self.account, list_name, limit=most)
            addresses = [written for _, written in people]
        try:
            known = self.read(forecasting.known_of, self.account, addresses, clock.now())
            outcomes = self.read(scores.outcomes, self.account)
            usual: int | None = self.read(forecasting.usual_day_of, self.account, clock.now())
        except SettingsError:
            known, outcomes, usual = {}, {}, None
        server = address(self.settings.dns.server) if self.settings.dns.server else None

        async def made() -> Any:
            forecaster = forecasting.Forecaster(Resolver(clock.now, server), clock.now)
            return await forecaster.forecast(addresses, known, outcomes=outcomes, with_dns=with_dns, usual_day=usual)

        found = app.run(made())
        doubtful = {each.address for each in found.doubtful}
        return found, [contact_id for contact_id, written in people if forecasting.plain_address(written) in doubtful]

    def remove_domain(self, name: str) -> None:
        """Remove a sending domain and its keys. Raise NotFound."""
        self.write(domains.remove, self.account, name)
        self.audit("removed a domain", name)

    def rotate_domain(self, name: str) -> list[str]:
        """Make new keys; return their selectors. Raise NotFound."""
        self.read(domains.one, self.account, name)
        selectors = self.write(
            domains.rotate, self.account, name, fresh=domains.fresh_keys(), secret=self.secret, now=clock.now()
        )
        self.audit("made new signing keys", name)
        return selectors

    # ---- suppressions ------------------------------------------------------------------------------------------------

    def suppress(
        self, address: str, *, stream: str, why: str, everywhere: bool = False, cause: str = "",
        expires_at: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Put an address, or a whole domain, on the account's own list, or on the one that holds for all."""
        self.prepare_once()
        if stream and everywhere:
            raise BadField("#/stream", "Streams belong to accounts; what holds everywhere is for all streams.")
        if stream and stream not in {one["name"] for one in self.streams()}:
            raise BadField("#/stream", f"There is no stream {stream!r}.", code="unknown-stream")
        folded = list_key(address, pointer="#/address")
        from aftersend.reports import search, suppressed

        now = clock.now()
        ends = None if expires_at is None else search.ahead(expires_at, "expires_at", now=now)
        evidence = {"by": self.who} | ({"why": why} if why else {})
        owner = suppressions.PLATFORM if everywhere else self.account
        is_new = self.write(
            suppressions.put, owner, folded, cause=cause or "manual", origin=suppressions.CONFIGURED, now=now,
            stream=stream, expires_us=ends, evidence=evidence,
        )  # fmt: skip
        return self.read(suppressed.put, self.account, owner, folded, stream, is_new=is_new)

    def unsuppress(self, address: str, *, stream: str | None, everywhere: bool = False) -> None:
        """Take an address off the lists. Raise NotFound."""
        folded = list_key(address, pointer="#/address")
        owner = suppressions.PLATFORM if everywhere else self.account
        self.write(suppressions.remove, owner, folded, stream=stream)
        self.audit("took an address off the list" + (" for all accounts" if everywhere else ""), folded)

    def suppressions(self, part: str | None, *, everywhere: bool = False) -> Iterator[dict[str, Any]]:
        """Walk through the list by address."""
        after: tuple[str, str] | None = None
        part = part.casefold() if part else None
        owner = suppressions.PLATFORM if everywhere else self.account
        from aftersend.reports import suppressed

        while rows := self.read(suppressions.page, owner, limit=500, after=after, part=part):
            yield from (suppressed.told(row) for row in rows)
            after = (rows[-1]["folded"], rows[-1]["stream"])

    def why_suppressed(self, address: str) -> list[dict[str, Any]]:
        """Return every entry for an address. Raise NotFound if there is none."""
        from aftersend.app import suppression_rules
        from aftersend.reports import suppressed

        folded = list_key(address, pointer="#/address")
        rules = suppression_rules(self.settings)
        return self.read(suppressed.why, self.account, folded, rules, now=clock.now())

    # ---- contacts and lists ------------------------------------------------------------------------------------------

    def contacts(self, list_name: str | None, part: str | None, where: str | None = None) -> Iterator[dict[str, Any]]:
        """Walk through the contacts, the oldest first. Raise NotFound for a list that is not there."""
        from aftersend.broadcasts import choosing
        from aftersend.broadcasts.contacts import told

        after: int | None = None
        asked: dict[str, Any] = {
            "list_name": list_name,
            "part": part.casefold() if part else None,
            "where": where,
            "now": clock.now(),
        }
        while rows := self.read(choosing.search, self.account, limit=500, after=after, **asked):
            yield from (told(row) for row in rows)
            after = rows[-1]["id"]

    def count_contacts(self, where: str, list_name: str | None) -> int:
        """Count the contacts of whom a condition is true."""
        from aftersend.broadcasts import choosing

        wanted = self.read(choosing.checked, self.account, where)
        names = [list_name] if list_name else []
        return int(self.read(choosing.count, self.account, wanted, lists=names, now=clock.now()))

    def contact(self, shown: str) -> dict[str, Any]:
        """Return a contact. Raise NotFound."""
        from aftersend import ids
        from aftersend.broadcasts.contacts import told
        from aftersend.store import contacts

        return told(self.read(contacts.one, self.account, ids.read("con", shown)))

    def add_contact(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Write a contact down."""
        from aftersend import ids
        from aftersend.broadcasts.contacts import checked
        from aftersend.store import contacts

        self.prepare_once()
        spots = [(spot["address"], spot.get("types", ())) for spot in wanted["addresses"]]
        person = checked(wanted["name"], spots, wanted["attributes"], wanted["lists"])
        contact_id = self.ids()
        shown = ids.show("con", contact_id)
        self.write(contacts.create, self.account, contact_id, person, now=clock.now())
        self.audit("made a contact", shown)
        return self.contact(shown)

    def remove_contact(self, shown: str) -> None:
        """Forget a contact. Raise NotFound."""
        from aftersend import ids
        from aftersend.store import contacts

        self.write(contacts.remove, self.account, ids.read("con", shown))
        self.audit("removed a contact", shown)

    def import_contacts(
        self, content: bytes, columns: Sequence[str], *, list_name: str | None, strict: bool, preview: bool,
        on_rows: Callable[[int, int], None] = lambda rows, total: None,
    ) -> dict[str, Any]:  # fmt: skip
        """Take contacts from a CSV file, all that can be used in one transaction; `on_rows` is told how many of how many rows
        were read.
        """
        from aftersend.broadcasts import importing
        from aftersend.store import contacts

        self.prepare_once()
        found = importing.read(content, importing.columns(columns), self.ids)
        on_rows(found.lines, found.lines)
        lists = [list_name] if list_name else []
        is_kept = found.may_be_kept(strict=strict, preview=preview)
        if is_kept:
            outcome = self.write(contacts.take_in, self.account, found.people, lists=lists, now=clock.now())
            self.audit("imported contacts", f"{len(found.people)} rows")
        else:
            outcome = self.read(contacts.would_take_in, self.account, found.people, lists)
        return found.told(*outcome, is_kept=is_kept)

    def mailing_lists(self) -> list[dict[str, Any]]:
        """Return the lists."""
        from aftersend.broadcasts.contacts import told_list
        from aftersend.store import mailing_lists

        return [told_list(row) for row in self.read(mailing_lists.every, self.account)]

    def add_list(self, name: str, about: str) -> None:
        """Make a list."""
        from aftersend.broadcasts.contacts import list_name
        from aftersend.store import mailing_lists

        self.prepare_once()
        name = list_name(name)
        self.write(mailing_lists.create, self.account, self.ids(), name=name, about=about, now=clock.now())
        self.audit("made a list", name)

    def remove_list(self, name: str) -> None:
        """Take a list away. Raise NotFound."""
        from aftersend.store import mailing_lists

        self.write(mailing_lists.remove, self.account, name)
        self.audit("removed a list", name)


def _told_domain(row: dict[str, Any]) -> dict[str, Any]:
    from aftersend.reports.telling import moment

    return {
        "name": row["name"],
        "created_at": moment(row["created_us"]),
        "verified_at": moment(row["verified_us"]),
        "checked_at": moment(row["checked_us"]),
        "signs": row["signs"],
        "findings": row["findings"],
    }


def _told_throttle(row: dict[str, Any]) -> dict[str, Any]:
    from aftersend.policy.throttles import EVERYBODY
    from aftersend.reports.telling import moment

    told = {name: row[name] for name in ("scope", "name", "rate")}
    return {**told, "everywhere": row["account_id"] == EVERYBODY, "since": moment(row["began_us"])}


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what the database says is wrong into errors that people understand."""
    try:
        yield
    except AftersendError:
        raise
    except Exception as error:
        from aftersend.store import engine

        told = engine.translate(error)
        is_lost = isinstance(told, TryLater) and not engine.is_busy(error)
        if is_lost or type(error).__name__ == "DatabaseError":
            raise SettingsError(f"The database cannot be opened: {str(error).splitlines()[0][:300]}") from None
        if told is not error:
            raise told from None
        raise


def _exists(path: str) -> bool:
    from pathlib import Path

    return Path(path).exists()
