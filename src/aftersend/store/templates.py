"""Own the saved templates: every version, so that what was mailed can be read again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.store.schema import audience

_templates = audience.templates


def save(
    connection: Connection, account_id: int, name: str, *, kind: str, subject: str, source: str, html: str | None,
    text: str | None, who: str, now: Instant,
) -> int:  # fmt: skip
    """Save a template as its next version; return which one that is."""
    highest = select(func.max(_templates.c.version)).where(*_named(account_id, name))
    version = (connection.execute(highest).scalar() or 0) + 1
    connection.execute(
        insert(_templates).values(
            account_id=account_id, name=name, version=version, kind=kind, subject=subject, source=source, html=html,
            text=text, who=who, created_us=now,
        )
    )  # fmt: skip
    return int(version)


def one(connection: Connection, account_id: int, name: str, version: int | None = None) -> dict[str, Any]:
    """Return a version of a template, the latest if none is named. Raise NotFound."""
    wanted = select(_templates).where(*_named(account_id, name))
    if version is not None:
        wanted = wanted.where(_templates.c.version == version)
    # PostgreSQL cannot be asked for a NUL.
    found = None if "\0" in name else connection.execute(wanted.order_by(_templates.c.version.desc()).limit(1)).first()
    if found is None:
        which = "" if version is None else f" with a version {version}"
        raise NotFound(f"There is no template {name[:100]!r}{which}.")
    return dict(found._mapping)


def every(connection: Connection, account_id: int) -> list[dict[str, Any]]:
    """Return the latest version of each template, by name."""
    latest = (
        select(_templates.c.name, func.max(_templates.c.version).label("version"))
        .where(_templates.c.account_id == account_id)
        .group_by(_templates.c.name)
        .subquery()
    )
    found = connection.execute(
        select(_templates)
        .join(latest, (latest.c.name == _templates.c.name) & (latest.c.version == _templates.c.version))
        .where(_templates.c.account_id == account_id)
        .order_by(_templates.c.name)
    )
    return [dict(row._mapping) for row in found]


def remove(connection: Connection, account_id: int, name: str) -> None:
    """Take a template away with all its versions. Raise NotFound."""
    if "\0" in name or not connection.execute(delete(_templates).where(*_named(account_id, name))).rowcount:
        raise NotFound(f"There is no template {name[:100]!r}.")


def _named(account_id: int, name: str) -> tuple[Any, Any]:
    return _templates.c.account_id == account_id, _templates.c.name == name
