"""Work over the HTTP API of a running service, with the rights of a key."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from aftersend import __version__
from aftersend.clock import iso
from aftersend.errors import (
    AftersendError,
    BadField,
    BadFields,
    Conflict,
    NotAllowed,
    NotFound,
    SettingsError,
    TooLarge,
    TryLater,
    Unauthenticated,
)

TIMEOUT_S = 60.0
TAKEN_AT_ONCE = 2_000
"""A file of contacts with more rows is taken in beside everything else."""
LOOK_EVERY_S = 0.2
ACTED_AT_ONCE = 5000
"""So many deliveries a request acts on."""
ANSWER_MOST = 64 * 1024 * 1024
_ERRORS: dict[int, type[AftersendError]] = {
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TryLater,
    503: TryLater,
    507: TryLater,
}


class There:
    """A running service, as its HTTP API shows it."""

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"AFTERSEND_URL: {url!r} is no address of a service, such as http://127.0.0.1:8025.")
        if not key:
            raise SettingsError("AFTERSEND_API_KEY is not set. Make a key with: aftersend key create NAME --local")
        self._parts = parts
        self._headers = {"Authorization": f"Bearer {key.strip()}", "User-Agent": f"aftersend-cli/{__version__}"}
        self._connection: http.client.HTTPConnection | None = None

    # ---- asking ------------------------------------------------------------------------------------------------------

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
        """Make one request and return the decoded answer. Raise the AftersendError that the service means."""
        sent = {**self._headers, "Accept": "application/json", **(headers or {})}
        if json is not None:
            body = msgspec.json.encode(json)
            sent["Content-Type"] = "application/json"
        target = self._parts.path.rstrip("/") + path + (f"?{urlencode(list(words))}" if words else "")
        status, content = self._exchange(method, target, body, sent)
        try:
            answer = msgspec.json.decode(content) if content else None
        except msgspec.DecodeError:
            answer = None
        if status >= 400:
            raise _error(status, answer, content)
        return answer

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        for is_last in (False, True):
            fresh = self._connection is None
            connection = self._connect()
            try:
                connection.request(method, target, body, dict(headers))
                answer = connection.getresponse()
                return answer.status, answer.read(ANSWER_MOST)
            except (http.client.HTTPException, OSError) as error:
                self.close()
                # A kept connection may have been closed meanwhile; only then is it tried again, and only what is harmless.
                if is_last or fresh or method != "GET":
                    place = f"{self._parts.scheme}://{self._parts.netloc}"
                    raise TryLater(
                        f"The service at {place} does not answer ({error}). Is it running? The address comes from "
                        "AFTERSEND_URL; with --local, verbs work straight on the store of this machine."
                    ) from None
        raise AssertionError

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- questions about mail ----------------------------------------------------------------------------------------

    def page(
        self, words: Sequence[tuple[str, str]], *, limit: int, after: str | None = None, before: str | None = None
    ) -> list[dict[str, Any]]:
        """Return rows of the log, newest first."""
        more = [(name, value) for name, value in (("after", after), ("before", before)) if value]
        rows: list[dict[str, Any]] = self.ask("GET", "/v1/deliveries", words=[*words, ("limit", limit), *more])["data"]
        return rows

    def delivery(self, shown: str) -> dict[str, Any]:
        """Return one delivery whole. Raise NotFound."""
        found: dict[str, Any] = self.ask("GET", f"/v1/deliveries/{quote(shown, safe='')}")
        return found

    def message_deliveries(self, shown: str) -> list[dict[str, Any]]:
        """Return the deliveries of a message. Raise NotFound."""
        rows: list[dict[str, Any]] = self.ask("GET", f"/v1/messages/{quote(shown, safe='')}/deliveries")["data"]
        return rows

    def messages(
        self, words: Sequence[tuple[str, str]], *, limit: int, after: str | None = None
    ) -> list[dict[str, Any]]:
        """Return messages, newest first."""
        more = [("after", after)] if after else []
        rows: list[dict[str, Any]] = self.ask("GET", "/v1/messages", words=[*words, ("limit", limit), *more])["data"]
        return rows

    def refusals(self, *, limit: int) -> list[dict[str, Any]]:
        """Return submissions that were refused, newest first."""
        rows: list[dict[str, Any]] = self.ask("GET", "/v1/refusals", words=[("limit", limit)])["data"]
        return rows

    def queue(self) -> dict[str, Any]:
        """Return what waits, by stage; the nodes at work are the operator's business."""
        stages: list[dict[str, Any]] = self.ask("GET", "/v1/queue")["data"]
        return {"deliveries": sum(stage["deliveries"] for stage in stages), "stages": stages, "nodes": None}

    def report(self, name: str, words: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return one vocabulary with the number behind each word."""
        found: dict[str, Any] = self.ask("GET", f"/v1/reports/{name}", words=words)
        return found

    def bounces(
        self, words: Sequence[tuple[str, str]], *, limit: int, after: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of bounces, and the id behind which there are more, or None."""
        asked = [*words, ("limit", limit), *((("after", after),) if after else ())]
        found = self.ask("GET", "/v1/bounces", words=asked)
        rows: list[dict[str, Any]] = found["data"]
        return rows, rows[-1]["id"] if found["has_more"] else None

    def bounce_numbers(self, by: str, words: Sequence[tuple[str, str]], *, limit: int) -> dict[str, Any]:
        """Return how many bounces there are by one of their sides."""
        found: dict[str, Any] = self.ask("GET", f"/v1/reports/bounces/{by}", words=[*words, ("limit", limit)])
        return found

    # ---- mail --------------------------------------------------------------------------------------------------------

    def send(self, message: Mapping[str, Any], *, idempotency_key: str | None) -> dict[str, Any]:
        """Submit a message given by its parts; return its id and one delivery for each recipient."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        receipt: dict[str, Any] = self.ask("POST", "/v1/messages", json=message, headers=headers)
        return receipt

    def send_raw(
        self, content: bytes, sender: str, recipients: Sequence[str], *, idempotency_key: str | None
    ) -> dict[str, Any]:
        """Submit a whole message as it is."""
        headers = {"Content-Type": "message/rfc822"} | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        words = [("from", sender), *(("to", recipient) for recipient in recipients)]
        receipt: dict[str, Any] = self.ask("POST", "/v1/messages/raw", words=words, body=content, headers=headers)
        return receipt

    # ---- verbs on the queue ------------------------------------------------------------------------------------------

    def count(self, words: Sequence[tuple[str, str]]) -> int:
        """Count what a verb on the queue would touch."""
        return int(self._act("hold", words, "", preview=True)["matched"])

    def act(
        self, verb: str, words: Sequence[tuple[str, str]], why: str, on_page: Callable[[int], None] = lambda seen: None
    ) -> dict[str, Any]:
        """Do a verb to all that wait and match, page by page; return how many were done and how many skipped, by reason.

        `on_page` is told after each page how many that were.
        """
        done, skipped, after = 0, Counter[str](), None
        while True:
            told = self._act(verb, words, why, after=after)
            done += told["done"]
            skipped.update(told["skipped"])
            after = told["next"]
            on_page(told["matched"])
            if after is None:
                return {"done": done, "skipped": dict(skipped)}

    def reschedule(self, shown: str, at: int, why: str) -> dict[str, Any]:
        """Let a planned message go at another time. Raise NotFound, Conflict."""
        body = {"scheduled_at": iso(at)} | ({"why": why} if why else {})
        found: dict[str, Any] = self.ask("POST", f"/v1/messages/{quote(shown, safe='')}/reschedule", json=body)
        return found

    def _act(
        self, verb: str, words: Sequence[tuple[str, str]], why: str, *, preview: bool = False, after: str | None = None
    ) -> dict[str, Any]:
        wanted = _grouped([*words, ("live", "true")])
        body = {"action": verb, "filter": wanted, "preview": preview, "after": after, "limit": ACTED_AT_ONCE}
        told: dict[str, Any] = self.ask("POST", "/v1/deliveries/actions", json=body | ({"why": why} if why else {}))
        return told

    # ---- keys and streams --------------------------------------------------------------------------------------------

    def create_key(self, name: str, scopes: list[str], networks: list[str], kind: str) -> dict[str, Any]:
        """Make a key; the answer has it, once."""
        body = {"name": name, "scopes": scopes, "networks": networks, "kind": kind}
        made: dict[str, Any] = self.ask("POST", "/v1/keys", json=body)
        return made

    def keys(self) -> list[dict[str, Any]]:
        """List the keys, revoked ones too."""
        return self._listed("/v1/keys")

    def revoke_key(self, shown: str) -> None:
        """Make a key useless. Raise NotFound."""
        self.ask("DELETE", f"/v1/keys/{quote(shown, safe='')}")

    def streams(self) -> list[dict[str, Any]]:
        """List the streams by name."""
        return self._listed("/v1/streams")

    def add_stream(self, name: str, kind: str, lifetime_hours: float, hours: str, rate: str) -> dict[str, Any]:
        """Make a stream, or change it."""
        body = {"name": name, "kind": kind, "lifetime_hours": lifetime_hours, "hours": hours, "rate": rate}
        made: dict[str, Any] = self.ask("POST", "/v1/streams", json=body)
        return made

    # ---- rates beside those of streams ---------------------------------------------------------------------------------

    def throttles(self) -> list[dict[str, Any]]:
        """List the rates of the account, and those that hold for all."""
        return self._listed("/v1/throttles")

    def set_throttle(self, scope: str, name: str, rate: str, *, everywhere: bool) -> dict[str, Any]:
        """Hold mail to a rate."""
        asked = {"scope": scope, "name": name, "rate": rate, "everywhere": everywhere}
        return dict(self.ask("PUT", "/v1/throttles", json=asked))

    def remove_throttle(self, scope: str, name: str, *, everywhere: bool) -> None:
        """Take a rate away. Raise NotFound."""
        words = [
            ("scope", scope),
            *([("name", name)] if name else []),
            *([("everywhere", "true")] if everywhere else []),
        ]
        self.ask("DELETE", "/v1/throttles", words=words)

    # ---- moderation --------------------------------------------------------------------------------------------------

    def judged(self, words: Mapping[str, str], *, limit: int) -> list[dict[str, Any]]:
        """List messages before the moderator, newest first: of all accounts, if the key may see them."""
        told = [*words.items(), ("limit", min(limit, 100))]
        try:
            return list(self.ask("GET", "/v1/moderation", words=[*told, ("account", "*")])["data"])
        except NotAllowed:
            return list(self.ask("GET", "/v1/moderation", words=told)["data"])

    def judged_one(self, shown: str) -> dict[str, Any]:
        """Return one message before the moderator, with what it says. Raise NotFound."""
        return dict(self.ask("GET", f"/v1/moderation/{quote(shown, safe='')}"))

    def decide(
        self, action: str, shown: Sequence[str], words: Mapping[str, str], reason: str, *, teach: bool,
        on_page: Callable[[int], None] = lambda seen: None,
    ) -> dict[str, Any]:  # fmt: skip
        """Say yes or no to messages, named or found, page by page; `on_page` is told after each how many that were."""
        asked: dict[str, Any] = {"action": action, "reason": reason, "teach": teach, "account": "*"}
        asked |= {"ids": list(shown)} if shown else {**words, "limit": ACTED_AT_ONCE}
        done, skipped = 0, Counter[str]()
        while True:
            told = self.ask("POST", "/v1/moderation", json=asked)
            done += told["done"]
            skipped.update(told["skipped"])
            on_page(told["matched"])
            if told["next"] is None:
                return {"done": done, "skipped": dict(skipped)}
            asked["after"] = told["next"]

    def count_judged(self, words: Mapping[str, str]) -> int:
        """Count the messages that a decision would be about."""
        asked = {"action": "accept", "preview": True, "account": "*", **words}
        return int(self.ask("POST", "/v1/moderation", json=asked)["matched"])

    def moderation_policy(self) -> dict[str, Any]:
        """Say how the account's mail is moderated."""
        return dict(self.ask("GET", "/v1/moderation/policy"))

    def set_moderation_policy(self, mode: str, first: int) -> dict[str, Any]:
        """Say how the mail of all accounts is moderated that have no rule of their own."""
        return dict(self.ask("PUT", "/v1/moderation/policy", json={"mode": mode, "first": first, "account": "*"}))

    # ---- credits -----------------------------------------------------------------------------------------------------

    def credits(self) -> dict[str, Any]:
        """Return what the account has."""
        return dict(self.ask("GET", "/v1/credits"))

    def credit_entries(self, *, limit: int) -> list[dict[str, Any]]:
        """Return what people and plans did to the purse, newest first."""
        return list(self.ask("GET", "/v1/credits/entries", words=[("limit", limit)])["data"])

    def top_up(self, amount: int, why: str) -> dict[str, Any]:
        """Put credits in, or take some out."""
        return dict(self.ask("POST", "/v1/credits", json={"amount": amount, "why": why}))

    def set_credit_plan(self, amount: int, period: str, mode: str) -> dict[str, Any]:
        """Set a plan, and fill the purse."""
        return dict(self.ask("PUT", "/v1/credits/plan", json={"amount": amount, "period": period, "mode": mode}))

    def end_credit_plan(self) -> dict[str, Any]:
        """End the plan."""
        return dict(self.ask("DELETE", "/v1/credits/plan"))

    def stop_credits(self) -> None:
        """Count the account's mail no longer."""
        self.ask("DELETE", "/v1/credits")

    # ---- sending domains ---------------------------------------------------------------------------------------------

    def add_domain(self, name: str, *, sign_now: bool = False) -> dict[str, Any]:
        """Add a sending domain and make its keys, which sign when their records were seen, or at once."""
        more = {"sign_now": True} if sign_now else {}
        added: dict[str, Any] = self.ask("POST", "/v1/domains", json={"name": name, **more})
        return added

    def domains(self) -> list[dict[str, Any]]:
        """List the sending domains."""
        return self._listed("/v1/domains")

    def domain_records(self, name: str) -> list[dict[str, Any]]:
        """Return the DNS records to publish. Raise NotFound."""
        return self._listed(f"/v1/domains/{quote(name, safe='')}/records")

    def check_domain(self, name: str) -> dict[str, Any]:
        """Let the service ask the DNS, and return what it found. Raise NotFound."""
        checked: dict[str, Any] = self.ask("POST", f"/v1/domains/{quote(name, safe='')}/check")
        return checked

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
        """Let the service score a message."""
        words = [
            ("kind", "broadcast" if is_broadcast else "transactional"),
            ("dns", "true" if with_dns else "false"),
            ("engines", "true" if with_engines else "false"),
            ("links", "true" if with_links else "false"),
            *(("to", recipient) for recipient in recipients),
        ]
        told: dict[str, Any] = self.ask(
            "POST", "/v1/score", words=words, body=raw, headers={"Content-Type": "message/rfc822"}
        )
        return told

    def forecast(self, addresses: Sequence[str], list_name: str | None, *, with_dns: bool = True) -> dict[str, Any]:
        """Let the service say what is to be expected of addresses, or of a list."""
        asked = {"list": list_name} if list_name is not None else {"addresses": list(addresses)}
        told: dict[str, Any] = self.ask("POST", "/v1/score/recipients", json={**asked, "most": 200_000})
        return told

    def clean_list(self, name: str) -> dict[str, Any]:
        """Take those off a list to whom mail would bounce. Raise NotFound."""
        told: dict[str, Any] = self.ask("POST", f"/v1/lists/{quote(name, safe='')}/clean")
        return told

    def remove_domain(self, name: str) -> None:
        """Remove a sending domain and its keys. Raise NotFound."""
        self.ask("DELETE", f"/v1/domains/{quote(name, safe='')}")

    def rotate_domain(self, name: str) -> list[str]:
        """Refuse: signing keys are made on the machine itself."""
        raise NotAllowed(f"Signing keys are made on the machine itself: aftersend domain rotate-key {name} --local")

    # ---- suppressions ------------------------------------------------------------------------------------------------

    def suppress(
        self, address: str, *, stream: str, why: str, everywhere: bool = False, cause: str = "",
        expires_at: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Put an address, or a whole domain, on the account's own list, or on the one that holds for all."""
        body: dict[str, Any] = ({"stream": stream} if stream else {}) | ({"why": why} if why else {})
        body |= {"everywhere": True} if everywhere else {}
        body |= ({"cause": cause} if cause else {}) | ({"expires_at": expires_at} if expires_at else {})
        entry: dict[str, Any] = self.ask("PUT", f"/v1/suppressions/{quote(address, safe='')}", json=body)
        return entry

    def unsuppress(self, address: str, *, stream: str | None, everywhere: bool = False) -> None:
        """Take an address off the lists. Raise NotFound."""
        words = [*([("stream", stream)] if stream else []), *([("everywhere", "true")] if everywhere else [])]
        self.ask("DELETE", f"/v1/suppressions/{quote(address, safe='')}", words=words)

    def suppressions(self, part: str | None, *, everywhere: bool = False) -> Iterator[dict[str, Any]]:
        """Walk through the list by address."""
        words = [("limit", "100"), *([("q", part)] if part else []), *([("everywhere", "true")] if everywhere else [])]
        answer = self.ask("GET", "/v1/suppressions", words=words)
        while True:
            yield from answer["data"]
            if not answer["has_more"]:
                return
            answer = self.ask("GET", _path_of(answer["next"], "/v1/suppressions"))

    def why_suppressed(self, address: str) -> list[dict[str, Any]]:
        """Return every entry for an address. Raise NotFound if there is none."""
        return self._listed(f"/v1/suppressions/{quote(address, safe='')}")

    def conservation(self, words: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return whether everybody is accounted for."""
        found: dict[str, Any] = self.ask("GET", "/v1/reports/conservation", words=words)
        return found

    def attention(self) -> dict[str, Any]:
        """Return what needs somebody now."""
        found: dict[str, Any] = self.ask("GET", "/v1/reports/attention")
        return found

    def _listed(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.ask("GET", path)["data"]
        return rows

    # ---- contacts and lists ------------------------------------------------------------------------------------------

    def contacts(self, list_name: str | None, part: str | None, where: str | None = None) -> Iterator[dict[str, Any]]:
        """Walk through the contacts, the oldest first. Raise NotFound for a list that is not there."""
        words = [(name, value) for name, value in (("list", list_name), ("q", part), ("where", where)) if value]
        after: list[tuple[str, str]] = []
        while True:
            page = self.ask("GET", "/v1/contacts", words=[*words, ("limit", 100), *after])
            yield from page["data"]
            if not page["has_more"]:
                return
            after = [("after", page["data"][-1]["id"])]

    def count_contacts(self, where: str, list_name: str | None) -> int:
        """Count the contacts of whom a condition is true."""
        words = [("where", where), *([("list", list_name)] if list_name else [])]
        return int(self.ask("GET", "/v1/contacts/count", words=words)["people"])

    def contact(self, shown: str) -> dict[str, Any]:
        """Return a contact. Raise NotFound."""
        found: dict[str, Any] = self.ask("GET", f"/v1/contacts/{quote(shown, safe='')}")
        return found

    def add_contact(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Write a contact down."""
        made: dict[str, Any] = self.ask("POST", "/v1/contacts", json=wanted)
        return made

    def remove_contact(self, shown: str) -> None:
        """Forget a contact. Raise NotFound."""
        self.ask("DELETE", f"/v1/contacts/{quote(shown, safe='')}")

    def import_contacts(
        self, content: bytes, columns: Sequence[str], *, list_name: str | None, strict: bool, preview: bool,
        on_rows: Callable[[int, int], None] = lambda rows, total: None,
    ) -> dict[str, Any]:  # fmt: skip
        """Take contacts from a CSV file, all that can be used in one transaction; `on_rows` is told how many of how many rows
        were read.
        """
        words = [("column", column) for column in columns]
        words += [("list", list_name)] if list_name else []
        words += [(name, "true") for name, wanted in (("strict", strict), ("preview", preview)) if wanted]
        headers = {"Content-Type": "text/csv"}
        if content.count(b"\n") <= TAKEN_AT_ONCE:
            told: dict[str, Any] = self.ask("POST", "/v1/contacts/import", words=words, body=content, headers=headers)
            return told
        found = self.ask("POST", "/v1/imports", words=words, body=content, headers=headers)
        place = f"/v1/imports/{found['id']}"
        while not found["is_over"] and found["state"] != "ready":
            time.sleep(LOOK_EVERY_S)
            found = self.ask("GET", place)
            on_rows(found["rows"], found["total"])
        if found["state"] == "failed" and not found["wrong"]:
            raise BadField("", found["why"], code="invalid-file")
        told = {name: found[name] for name in ("rows", "created", "changed", "wrong")}
        told |= {"is_kept": found["state"] == "done", "faults": list(self._faults(place))}
        if preview:
            self.ask("DELETE", place)
        return told

    def _faults(self, place: str) -> Iterator[dict[str, Any]]:
        after: list[tuple[str, Any]] = []
        while True:
            page = self.ask("GET", f"{place}/faults", words=[("limit", 100), *after])
            yield from page["data"]
            if not page["has_more"]:
                return
            after = [("after", page["data"][-1]["line"])]

    def mailing_lists(self) -> list[dict[str, Any]]:
        """Return the lists."""
        rows: list[dict[str, Any]] = self.ask("GET", "/v1/lists")["data"]
        return rows

    def add_list(self, name: str, about: str) -> None:
        """Make a list."""
        self.ask("POST", "/v1/lists", json={"name": name, "about": about})

    def remove_list(self, name: str) -> None:
        """Take a list away. Raise NotFound."""
        self.ask("DELETE", f"/v1/lists/{quote(name, safe='')}")


def _path_of(address: str, beginning: str) -> str:
    """The path and query of a page's address, whatever name the service goes by there."""
    return beginning + address.partition(beginning)[2]


def _grouped(words: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in words:
        grouped.setdefault(name, []).append(value)
    return grouped


def _error(status: int, answer: Any, content: bytes) -> AftersendError:
    """Make the error of a problem document (RFC 9457)."""
    problem = answer if isinstance(answer, dict) else {}
    detail = str(problem.get("detail") or problem.get("title") or content[:300].decode("utf-8", "replace") or status)
    fields = [
        BadField(str(f.get("pointer", "")), str(f.get("detail", "")), code=f.get("code"))
        for f in problem.get("errors") or []
        if isinstance(f, dict)
    ]
    if fields:
        return BadFields(fields)
    if status >= 500 and problem.get("request_id"):
        detail += f" (request {problem['request_id']})"
    code = str(problem.get("type", "")).rpartition("/")[2] or None
    return _ERRORS.get(status, AftersendError)(detail, code=code)
