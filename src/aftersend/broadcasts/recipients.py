"""Read the recipients of a broadcast from a CSV file: everybody who stands in it is a part of the audience.

Unlike people that are to be kept as contacts, a row may be without an address, have one that cannot exist, or come twice:
each of these has an outcome of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from aftersend.broadcasts import contacts, importing
from aftersend.errors import BadField, BadFields

MOST = 200_000
"""Recipients of one broadcast beside its lists."""
FAULTS_SHOWN = 20


def read(content: bytes, wanted: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return address and data of each row, as they are written. The first line names the columns.

    Raise BadField or BadFields when the file cannot be used; then none of it is.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    wrong: list[BadField] = []
    try:
        rows = importing.rows(importing.text_of(content))
        names = importing.fields(next(rows, (1, []))[1], wanted)
        for line, cells in rows:
            try:
                found.append(_recipient(names, cells))
            except BadField as error:
                wrong.append(BadField("", f"Line {line}: {error.detail}", code="invalid-file"))
            if len(found) > MOST or len(wrong) >= FAULTS_SHOWN:
                break
    except csv.Error as error:
        raise importing.not_csv(error) from None
    if wrong:
        raise BadFields(wrong)
    return found


def _recipient(names: Sequence[str], cells: Sequence[str]) -> tuple[str, dict[str, Any]]:
    if len(cells) > len(names):
        raise BadField("", f"it has {len(cells)} cells, the first line has {len(names)}")
    values: dict[str, Any] = {
        name: cell for name, cell in zip(names, cells, strict=False) if cell and name != importing.LEFT_OUT
    }
    address = values.pop(importing.ADDRESS, "")
    name = values.get(importing.NAME, "")
    for fault in (
        *contacts.named_wrongly(name),
        *contacts.unusable({key: value for key, value in values.items() if key != importing.NAME}),
    ):
        raise fault
    if "\0" in address:
        raise BadField("", "there is a NUL in the address")
    return address, values
