"""Own the menu: what stands in it, in which group, and who sees it. A page of your own goes into `pages.py`, and here if it
should be found from everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the menu."""

    label: str
    path: str
    """Below /console."""
    icon: str
    needs: str = "read"
    key: str = ""
    """The letter that leads there after a g."""
    is_operators: bool = False
    """Whether only the first account, which belongs to those who run the installation, has it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some lines under one heading."""

    heading: str
    items: tuple[Item, ...]


MENU = (
    Group(
        "",
        (
            Item("Email activity", "/", "activity", key="d"),
            Item("Email log", "/log", "list", key="l"),
            Item("Bounces", "/bounces", "back", key="b"),
            Item("Reading", "/reading", "eye", key="r"),
        ),
    ),
    Group(
        "Write",
        (
            Item("Broadcasts", "/broadcasts", "megaphone", key="s"),
            Item("Contacts", "/contacts", "people", key="c"),
            Item("Templates", "/templates", "template", key="t"),
        ),
    ),
    Group(
        "Keep in order",
        (
            Item("Queue", "/queue", "queue", key="q"),
            Item("Moderation", "/moderation", "moderate", key="m"),
            Item("Credits", "/credits", "star"),
            Item("Suppressions", "/suppressions", "ban", key="u"),
            Item("Unread returns", "/returns", "inbox"),
            Item("Refusals", "/refusals", "cross"),
        ),
    ),
    Group(
        "Set up",
        (
            Item("Domains", "/domains", "globe"),
            Item("Streams", "/streams", "streams"),
            Item("Keys", "/keys", "key", "admin"),
            Item("Webhooks", "/webhooks", "link", "admin"),
            Item("People", "/people", "people", "people"),
        ),
    ),
    Group(
        "This service",
        (
            Item("Health", "/health", "heart", "admin"),
            Item("Settings", "/settings", "gear", "admin", is_operators=True),
            Item("Audit", "/audit", "audit", "admin"),
            Item("Help", "/help", "book", key="h"),
        ),
    ),
)


def menu_of(visit: Any) -> list[tuple[str, list[tuple[Item, bool]]]]:
    """Return the groups of the menu with what this person may see, and which line is the present page's."""
    path = visit.address.removeprefix("/console") or "/"
    shown = []
    for group in MENU:
        items = [
            (item, _is_here(item, path))
            for item in group.items
            if visit.may(item.needs) and (visit.is_operator or not item.is_operators)
        ]
        if items:
            shown.append((group.heading, items))
    return shown


_BELONGS = {"/deliveries": "/log", "/messages": "/log", "/compose": "/log"}
"""Pages that are reached from another one."""


def _is_here(item: Item, path: str) -> bool:
    for place, under in _BELONGS.items():
        if path.startswith(place):
            path = under
    return path == item.path or (item.path != "/" and path.startswith(f"{item.path}/"))
