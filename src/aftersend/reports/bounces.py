"""Answer about bounces: the list of bounce events, and their numbers by category, reason, provider, domain or day.

A number is the length of the list behind it: both ask for the same events. Words are those of 002; the finer reasons, which
002 does not have, stand beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from aftersend import ids
from aftersend.clock import Instant, iso
from aftersend.errors import BadField, NotFound
from aftersend.ledger.providers import BY_NAME, provider_of
from aftersend.ledger.reasons import DETAILS, Category, Pair, Reason, meaning
from aftersend.ledger.vocabularies.bounces import counted
from aftersend.reports import statuses
from aftersend.reports.search import LATEST, check_order, instant, named
from aftersend.reports.telling import moment, told_event
from aftersend.store import bounced
from aftersend.store.bounced import Group, Wanted
from aftersend.store.connection import Connection

WORDS = {
    "category": "a category of 002: Hard, Soft, Technical or Other",
    "reason": "a reason of 002, such as “Mailbox is full”",
    "identifier": "a reason as aftersend diagnose names it, such as policy_blocked, or a finer word beside it",
    "provider": "a provider of mailboxes, such as Google, or a domain that is no provider's",
    "domain": "the domain of the recipient's address",
    "detail": "the finer reason, such as message_too_large; the reason itself where nothing finer is known; or unknown",
    "stream": "the stream that it was sent in",
    "broadcast": "the id of a broadcast, brd_…",
    "since": "of mail created at this time or later: RFC 3339, or how long ago, such as 24h or 7d",
    "until": "of mail created before this time",
}
"""What can be asked for, and what each takes."""

UNKNOWN = "unknown"
"""Stands for a detail where no reason came."""
LIST = "/v1/bounces"
_MOST = 400
_REASONS = frozenset(each.value for each in Reason)


def _of_category(group: Group) -> str:
    return _pair_of(group).category.word


def _of_pair(group: Group) -> str:
    return _pair_of(group).word


def _pair_of(group: Group) -> Pair:
    return counted(group.reason, group.detail, "5.2.0" if group.is_of_mailbox else "")


BY: dict[str, Callable[[Group], str]] = {
    "category": _of_category,
    "reason": _of_pair,
    "detail": lambda group: group.detail or group.reason or UNKNOWN,
    "provider": lambda group: provider_of(group.domain),
    "domain": lambda group: group.domain,
    "day": lambda group: iso(group.day_us)[:10],
}
"""How bounces can be counted, and the word under which one counts."""
_NEEDS = {"provider": bounced.DOMAIN, "domain": bounced.DOMAIN, "day": bounced.DAYS}
"""What must be known of bounces to count them so; of the others, what came back."""


def read(words: Iterable[tuple[str, str]], *, now: Instant) -> tuple[Wanted, dict[str, str]]:
    """Return what the words ask for, and the words as they stay true later on. Raise BadField."""
    given: dict[str, str] = {}
    for word, value in words:
        if word not in WORDS:
            raise BadField(
                f"#/{word[:60]}",
                f"{word[:60]!r} is not known here; there are {', '.join(WORDS)}.",
                code="unknown-field",
            )
        if word in given:
            raise BadField(f"#/{word}", f"Give {word} once.")
        if not value.strip() or len(value) > _MOST or "\0" in value:
            raise BadField(f"#/{word}", f"Give {word} a value of 1 to {_MOST} characters.")
        given[word] = value.strip()
    if given.get("reason") in statuses.IDENTIFIERS and "identifier" not in given:
        given["identifier"] = given.pop("reason")
    times = {word: min(instant(given[word], word, now=now), LATEST) for word in ("since", "until") if word in given}
    check_order(times.get("since"), times.get("until"))
    bounces, identifier = _kinds(given)
    domains, beginnings = _domains(given)
    detail = given.get("detail")
    wanted = Wanted(
        bounces,
        identifier,
        "" if detail == UNKNOWN else detail,
        domains,
        beginnings,
        given.get("stream"),
        named("broadcast", "brd", given["broadcast"]) if "broadcast" in given else None,
        since=times.get("since"),
        until=times.get("until"),
    )
    return wanted, given | {word: iso(at) for word, at in times.items()}


def _kinds(given: dict[str, str]) -> tuple[tuple[Any, ...], str | None]:
    """Return the kinds of bounce that category and reason ask for, and an identifier that reason or detail must be."""
    of_category: tuple[Any, ...] | None = None
    if "category" in given:
        names = [each.word for each in Category if each is not Category.NONE]
        if given["category"].capitalize() not in names:
            raise BadField("#/category", f"{given['category'][:40]!r} is no category; there are {', '.join(names)}.")
        of_category = statuses.bounces_by_word()[statuses.key(given["category"])]
    identifier = given.get("identifier")
    if identifier is not None and identifier not in statuses.IDENTIFIERS:
        raise BadField(
            "#/identifier",
            f"{identifier[:40]!r} is no identifier; there are {', '.join(sorted(statuses.IDENTIFIERS))}.",
            code="unknown-reason",
        )
    if "reason" not in given:
        return of_category or (), identifier
    of_reason = statuses.bounces_by_word().get(statuses.key(given["reason"]))
    if of_reason is None:
        known = dict.fromkeys(each.reason for each in Pair)
        raise BadField(
            "#/reason",
            f"{given['reason'][:40]!r} is no reason; there are {', '.join(known)}.",
            code="unknown-reason",
        )
    if of_category is not None:
        of_reason = tuple(each for each in of_reason if each in of_category) or (statuses.NO_BOUNCE,)
    return of_reason, identifier


def _domains(given: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the domains, or their beginnings, that domain and provider ask for."""
    domain = given.get("domain", "").lower().strip("@. ")
    if "provider" not in given:
        return (domain,) if domain else (), ()
    provider = BY_NAME.get(given["provider"].lower())
    if domain:
        is_its = provider_of(domain) == (provider.name if provider else given["provider"].lower())
        return (domain if is_its else ".",), ()
    if provider is None:
        return (given["provider"].lower(),), ()
    return tuple(sorted(provider.domains)), provider.beginnings


def breakdown(
    connection: Connection, account_id: int, by: str, words: Iterable[tuple[str, str]], *, now: Instant, most: int = 100
) -> dict[str, Any]:
    """Return how many bounces there are by one of BY, the most first, days in order; each with the address of its list."""
    return breakdowns(connection, account_id, (by,), words, now=now, most=most)[by]


def breakdowns(
    connection: Connection,
    account_id: int,
    by: Iterable[str],
    words: Iterable[tuple[str, str]],
    *,
    now: Instant,
    most: int = 100,
) -> dict[str, dict[str, Any]]:
    """Return several breakdowns of the same bounces for the cost of one: each bounce is looked at once."""
    wanted, given = read(words, now=now)
    sides = list(by)
    for side in sides:
        if side not in BY:
            raise BadField("#/by", f"{side[:40]!r} is not known; bounces are counted by {', '.join(BY)}.")
    needed = {_NEEDS.get(side, bounced.WORDS) for side in sides}
    groups = bounced.grouped(connection, account_id, wanted, sorted(needed))
    return {side: _breakdown(side, groups, given, most) for side in sides}


def _breakdown(by: str, groups: Iterable[Group], given: dict[str, str], most: int) -> dict[str, Any]:
    numbers: Counter[str] = Counter()
    for group in groups:
        numbers[BY[by](group)] += group.number
    if by in ("category", "reason") and not given.keys() & {"category", "reason"}:
        for each in Pair:
            numbers.setdefault(each.category.word if by == "category" else each.word, 0)
    order = sorted(numbers.items(), key=lambda row: row[0] if by == "day" else (-row[1], row[0]))
    return {
        "report": "bounces",
        "by": by,
        "asked": given,
        "total": numbers.total(),
        "rows": [_told(by, word, number, given) for word, number in order[:most]],
        "has_more": len(order) > most,
    }


def _told(by: str, word: str, number: int, given: dict[str, str]) -> dict[str, Any]:
    category, reason, sentence = None, None, None
    asks = dict(given)
    if by == "category":
        category = asks["category"] = word
    elif by == "reason":
        category, _, reason = word.partition("/")
        sentence = next(each.meaning for each in Pair if each.word == word)
        asks |= {"category": category, "reason": reason}
    elif by == "day":
        asks |= _day(word, given)
    else:
        asks[by] = word
        sentence = _sentence(word) if by == "detail" else None
    return {
        "word": word,
        "category": category,
        "reason": reason,
        "meaning": sentence,
        "count": number,
        "list": f"{LIST}?{urlencode(asks)}",
    }


def _day(word: str, given: dict[str, str]) -> dict[str, str]:
    """Return the times of a day, as far as they are within what was asked for."""
    begins, ends = f"{word}T00:00:00Z", instant(f"{word}T00:00:00Z", "since", now=0) + 86_400_000_000
    since = max(given.get("since", begins), begins, key=lambda text: instant(text, "since", now=0))
    until = min(given.get("until", iso(ends)), iso(ends), key=lambda text: instant(text, "until", now=0))
    return {"since": since, "until": until}


def _sentence(word: str) -> str | None:
    """Return what a detail, or a reason, means."""
    for (_, detail), means in DETAILS.items():
        if detail == word:
            return means.why
    return meaning(word).why if word in _REASONS else None


def page(
    connection: Connection,
    account_id: int,
    words: Iterable[tuple[str, str]],
    *,
    now: Instant,
    limit: int,
    after: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of bounce events, those of the newest deliveries first, and the id behind which there are more, or None."""
    wanted, _ = read(words, now=now)
    rows = bounced.page(connection, account_id, wanted, limit=limit + 1, after=None if after is None else _place(after))
    shown = [_told_bounce(row) for row in rows[:limit]]
    return shown, shown[-1]["id"] if len(rows) > limit else None


def _told_bounce(row: dict[str, Any]) -> dict[str, Any]:
    told = told_event(row)
    its = counted(row["reason"], row["detail"], row["status"])
    means = meaning(row["reason"] or Reason.GENERAL_ERROR, row["detail"])
    proof = told["evidence"] or {}
    return {
        "id": f"{told['delivery_id']}.{ids.encode(row['key'])}",
        "delivery_id": told["delivery_id"],
        "recipient": row["recipient"],
        "provider": provider_of(row["domain"]),
        "domain": row["domain"],
        "stream": row["stream"],
        "broadcast_id": None if row["broadcast_id"] is None else ids.show("brd", row["broadcast_id"]),
        "category": its.category.word,
        "reason": its.reason,
        "detail": row["detail"] or row["reason"] or UNKNOWN,
        "sentence": means.why if row["reason"] else its.meaning,
        "who_must_act": means.who_must_act.value,
        "advice": means.advice,
        "enhanced_status": told["enhanced_status"],
        "said": str(proof.get("text") or proof.get("said") or "")[:1000] or None,
        "created_at": moment(row["created_us"]),
        "occurred_at": told["occurred_at"],
    }


def _place(after: str) -> tuple[int, int]:
    delivery, _, key = after.partition(".")
    try:
        return ids.read("dlv", delivery), ids.decode(key)
    except (ValueError, NotFound):
        raise BadField("#/after", "This is not the id of a bounce, as the list gives it.") from None
