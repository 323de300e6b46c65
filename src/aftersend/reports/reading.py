"""Answer how a message, or the mail of a period, was read: by people, by others, and what cannot be known.

Opens of privacy proxies and of unknown visitors may be people or not, so the share of readers is an interval: at least the
people, at most all but the machines.
"""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.reports.telling import moment
from aftersend.store import reading
from aftersend.store.connection import Connection
from aftersend.store.reading import Counted, Scope

VERDICTS = ("human", "privacy_proxy", "unknown", "machine")
MEANING = {
    "human": "A person did it.",
    "privacy_proxy": "A proxy fetched it ahead for a person; that says neither opened nor unopened.",
    "unknown": "The evidence does not decide.",
    "machine": "A scanner, a crawler or a preview did it.",
}
NONE: Counted = {"open": {}, "click": {}, "read": {}}
NOTHING = {"delivered": 0, "unsubscribed": 0, "complained": 0}
GROUPS_MOST = 100


def report(connection: Connection, account_id: int, scope: Scope) -> dict[str, Any]:
    """Tell how the mail of a scope was read."""
    scope = scope.hours
    found = reading.counted(connection, account_id, scope).get(None, NONE)
    arrived = reading.delivered(connection, account_id, scope).get(None, NOTHING)
    return {**_scope(scope), **told(found, arrived)}


def grouped(connection: Connection, account_id: int, scope: Scope, by: str) -> dict[str, Any]:
    """Tell it for each stream, domain, message or hour of the day (UTC, of the first opening); the most read first."""
    scope = scope.hours
    if by == "message" and scope.message_id is None:
        every = reading.most_read(connection, account_id, scope, limit=GROUPS_MOST + 1)
        found, arrived = reading.of_messages(connection, account_id, every[:GROUPS_MOST])
    else:
        found = reading.counted(connection, account_id, scope, by)
        arrived = {} if by == "hour" else reading.delivered(connection, account_id, scope, by)
        every = sorted(found.keys() | arrived.keys(), key=lambda place: (-_people(found, place), str(place)))
    places = list(range(24)) if by == "hour" else every[:GROUPS_MOST]
    names = reading.subjects(connection, account_id, places) if by == "message" else {}
    rows = []
    for place in places:
        row = told(found.get(place, NONE), arrived.get(place, NOTHING))
        if by == "hour":
            rows.append({"hour": place, "opened": row["opens"]["human"]})
            continue
        named = {"word": str(place)} if by != "message" else _message(place, names)
        rows.append({**named, **row})
    return {
        **_scope(scope),
        "by": by,
        "data": rows,
        "more": by != "hour" and len(every) > len(places),
    }


def _message(place: int, names: Any) -> dict[str, Any]:
    subject, stream = names.get(place, ("", ""))
    return {"word": ids.show("msg", place), "subject": subject, "stream": stream}


def _people(found: dict[Any, Counted], place: Any) -> int:
    return found.get(place, NONE)["open"].get("human", 0)


def told(found: Counted, arrived: dict[str, int]) -> dict[str, Any]:
    """Tell numbers and shares."""
    opens = {word: found["open"].get(word, 0) for word in VERDICTS}
    clicks = {word: found["click"].get(word, 0) for word in VERDICTS}
    all_delivered = arrived["delivered"]
    measured = found["read"].get("yes", 0) + found["read"].get("no", 0)
    return {
        "delivered": all_delivered,
        "opens": opens,
        "clicks": clicks,
        "open_rate": _interval(opens, all_delivered),
        "click_rate": _interval(clicks, all_delivered),
        "read": {
            "yes": found["read"].get("yes", 0),
            "no": found["read"].get("no", 0),
            "unsupported": found["read"].get("unsupported", 0),
            "rate": _share(found["read"].get("yes", 0), measured),
        },
        "unsubscribed": arrived["unsubscribed"],
        "complained": arrived["complained"],
    }


def _interval(numbers: dict[str, int], of: int) -> dict[str, float | None]:
    """At least the people, at most everybody but machines."""
    least, most = numbers["human"], sum(numbers.values()) - numbers["machine"]
    return {"least": _share(least, of), "most": _share(most, of)}


def _share(part: int, of: int) -> float | None:
    return round(min(part / of, 1.0), 4) if of else None


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        "since": moment(scope.since),
        "until": moment(scope.until),
        "stream": scope.stream,
        "message_id": None if scope.message_id is None else ids.show("msg", scope.message_id),
    }


def links(connection: Connection, account_id: int, message_id: int) -> list[dict[str, Any]]:
    """Tell the tracked links of a message, and how many recipients followed each."""
    return [
        {
            "number": row["number"],
            "url": row["url"],
            "text": row["text"],
            "clicks": {word: row["followed"].get(word, 0) for word in VERDICTS},
        }
        for row in reading.links_of(connection, account_id, message_id)
    ]


def hit(row: dict[str, Any]) -> dict[str, Any]:
    """Tell of one visit: what was asked for, by whom, what is thought of it and what was thought before."""
    labels = [
        {**{k: v for k, v in each.items() if k != "made_us"}, "at": moment(each["made_us"])} for each in row["labels"]
    ]
    last = labels[-1] if labels else None
    return {
        "id": ids.show("hit", row["id"]),
        "kind": row["kind"],
        "at": moment(row["at_us"]),
        "method": row["method"],
        "url": row["url"],
        "ip": row["ip"],
        "user_agent": row["agent"],
        "verdict": None if last is None else last["verdict"],
        "reasons": [] if last is None else last["reasons"],
        "earlier": labels[:-1],
    }
