"""Read recipients from a file, and write it again without some of them; all other columns stay as they are."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aftersend.cli.suppress import safe_cell
from aftersend.control.forecasting import plain_address
from aftersend.errors import BadField


@dataclass(slots=True)
class Rows:
    """What stands in a file."""

    head: list[str] = field(default_factory=list)
    """The names of the columns; empty when the first line is an address already."""
    lines: list[list[str]] = field(default_factory=list)
    column: int = 0
    """Which one has the addresses."""

    @property
    def addresses(self) -> list[str]:
        """The addresses, in order; an empty one where there is none."""
        return [line[self.column] if len(line) > self.column else "" for line in self.lines]


def read(content: bytes) -> Rows:
    """Read CSV with names of columns in its first line, or one address a line. Raise BadField."""
    from aftersend.broadcasts import importing

    try:
        found = [cells for _, cells in importing.rows(importing.text_of(content))]
    except csv.Error as error:
        raise importing.not_csv(error) from None
    if not found:
        raise BadField("", "The file is empty.", code="invalid-file")
    if any("@" in cell for cell in found[0]):
        return Rows([], found, next(n for n, cell in enumerate(found[0]) if "@" in cell))
    return Rows(found[0], found[1:], importing.fields(found[0], {}).index(importing.ADDRESS))


def write(path: str, rows: Rows, doubtful: Iterable[Mapping[str, Any]]) -> int:
    """Write the rows whose address is not doubtful, each address once; return how many."""
    left_out = {each["address"] for each in doubtful}
    kept = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if rows.head:
            writer.writerow(rows.head)
        for written, line in zip(rows.addresses, rows.lines, strict=True):
            bare = plain_address(written)
            if bare.lower() in left_out or bare in left_out:
                continue
            left_out.add(bare.lower())
            writer.writerow([safe_cell(cell) for cell in line])
            kept += 1
    return kept
