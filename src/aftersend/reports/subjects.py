"""Say what the subject was that a recipient got: merge tags filled with what is kept of what was said to him."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from aftersend.errors import SubmissionError, TryLater
from aftersend.mail import tags
from aftersend.reports.telling import Row
from aftersend.store import personal
from aftersend.store.connection import Connection


def as_got(connection: Connection, account_id: int, found: Sequence[Row]) -> list[Row]:
    """Return rows of the log with subjects as recipients got them; one whose data is not kept any more stays as it was written."""
    wanted = [row["id"] for row in found if _has_tags(row["subject"])]
    if not wanted:
        return list(found)
    (said,) = personal.load(connection, [(account_id, wanted)])
    return [
        {**row, "subject": _filled(row["subject"], said[row["id"]])}
        if row["id"] in said and _has_tags(row["subject"])
        else row
        for row in found
    ]


def _has_tags(subject: str | None) -> bool:
    return subject is not None and ("{{" in subject or "{%" in subject)


def _filled(subject: str, said: str) -> str:
    data: dict[str, Any] = msgspec.json.decode(said)
    try:
        return tags.fill(subject, data)
    except (SubmissionError, TryLater):
        return subject
