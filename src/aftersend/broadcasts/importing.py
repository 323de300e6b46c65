"""Read people from a CSV file (RFC 4180): columns to fields, every row that cannot be used named with its line and why.

Nothing is half imported: what a file yields goes into the store in one transaction, or does not go.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aftersend.broadcasts import contacts
from aftersend.errors import BadField
from aftersend.store.contacts import Row, Spot

ROWS_MOST = 50_000
"""In one file that is taken in while one waits."""
COLUMNS_MOST = 500
EMPTY_MOST = 100_000
"""Rows with nothing in them; spreadsheets leave some."""
AT_ONCE_MOST = 2_000
"""Longer files are better taken in beside everything else, with progress."""
SHOWN_MOST = 500
"""Characters of a faulty row that are shown."""
ADDRESS, NAME, LEFT_OUT = "email", "name", "-"
_USUAL = {
    "email": ADDRESS, "e-mail": ADDRESS, "mail": ADDRESS, "address": ADDRESS, "email address": ADDRESS,
    "recipient": ADDRESS, "name": NAME,
}  # fmt: skip
_NO_TAG = re.compile(r"\W+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be used."""

    line: int
    row: str
    why: str

    def told(self) -> dict[str, Any]:
        """Tell of it as the API does."""
        return {"line": self.line, "row": self.row, "why": self.why}


@dataclass(slots=True)
class Read:
    """What a file yields. `lines` is the number of rows with something in them."""

    people: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lines: int = 0

    def may_be_kept(self, *, strict: bool, preview: bool) -> bool:
        """Say whether anything is to be written down; `strict`: only a file without faults."""
        return bool(self.people) and not preview and not (strict and self.faults)

    def told(self, created: int, changed: int, *, is_kept: bool) -> dict[str, Any]:
        """Tell of it as the API does."""
        return {
            "rows": self.lines,
            "created": created,
            "changed": changed,
            "wrong": len(self.faults),
            "is_kept": is_kept,
            "faults": [fault.told() for fault in self.faults],
        }


def columns(pairs: Iterable[str]) -> dict[str, str]:
    """Read how columns are to be taken: `HEADER=FIELD`, where FIELD is email, name, `-` to leave it out, or an attribute.

    Raise BadField.
    """
    found = {}
    for pair in pairs:
        header, equals, wanted = pair.rpartition("=")
        if not equals or not header.strip() or not wanted.strip():
            raise BadField("#/column", f"{pair[:60]!r} is not of the form HEADER=FIELD.")
        found[header.strip().casefold()] = wanted.strip()
    return found


def read(content: bytes, wanted: Mapping[str, str], new_id: Callable[[], int]) -> Read:
    """Read a file. The first line names the columns; comma, semicolon or tab stand between them.

    Raise BadField when the file as a whole cannot be used: not UTF-8, no column of addresses, too many rows.
    """
    text = text_of(content)
    found = Read()
    try:
        _into(found, walk(rows(text), wanted, new_id))
    except csv.Error as error:
        raise not_csv(error) from None
    return found


def not_csv(error: csv.Error) -> BadField:
    """Return what a file is refused with that cannot be read."""
    return BadField("", f"The file cannot be read as CSV (RFC 4180): {error}.", code="invalid-file")


def text_of(content: bytes) -> str:
    """Return a file's text. Raise BadField if it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadField(
            "", f"The file is not UTF-8: see byte {error.start + 1}. Save it as “CSV UTF-8”.", code="invalid-file"
        ) from None


def rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Return the rows with something in them, each with the line on which it begins. Raise csv.Error."""
    first = text.lstrip("\r\n").partition("\n")[0]
    between = max(",;\t", key=first.count)
    reader, before, empty = csv.reader(io.StringIO(text, newline=""), delimiter=between), 0, 0
    for cells in reader:
        line, before = before + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            yield line, [_bare(cell.strip()) for cell in cells]
        else:
            empty += 1
            if empty > EMPTY_MOST:
                raise BadField(
                    "", f"The file has more than {EMPTY_MOST} empty rows; take them out.", code="invalid-file"
                )


def _bare(cell: str) -> str:
    """A cell as it was before an export made it safe for spreadsheets."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def walk(
    lines: Iterator[tuple[int, list[str]]], wanted: Mapping[str, str], new_id: Callable[[], int]
) -> Iterator[Row | Fault]:
    """Return each row of a file as somebody, or as what is wrong with it. Raise BadField when the columns cannot be told,
    csv.Error when it is no CSV.
    """
    names = fields(next(lines, (1, []))[1], wanted)
    met: dict[str, int] = {}
    for line, cells in lines:
        try:
            spot, name, attributes = _person(names, cells)
            if spot.folded in met:
                raise BadField("", f"the address stands in line {met[spot.folded]} already")
        except BadField as error:
            yield Fault(line, ", ".join(cells)[:SHOWN_MOST], error.detail)
            continue
        met[spot.folded] = line
        yield Row(new_id(), spot, name, attributes)


def _into(found: Read, given: Iterator[Row | Fault]) -> None:
    for each in given:
        found.lines += 1
        if found.lines > ROWS_MOST:
            raise BadField("", f"A file has {ROWS_MOST} rows at most; cut it into several.", code="invalid-file")
        if isinstance(each, Fault):
            found.faults.append(each)
        else:
            found.people.append(each)


def fields(headers: Sequence[str], wanted: Mapping[str, str]) -> list[str]:
    """Return what each column is: email, name, `-`, or an attribute. Raise BadField when that cannot be told."""
    if len(headers) > COLUMNS_MOST:
        raise BadField("#/column", f"The first line names {len(headers)} columns; {COLUMNS_MOST} are the most.")
    found: list[str] = []
    for header in headers:
        folded = header.casefold()
        usual = _USUAL.get(folded) or _NO_TAG.sub("_", folded).strip("_")
        found.append(wanted.get(folded) or usual or LEFT_OUT)
    there = {header.casefold() for header in headers}
    for header in wanted:
        if header not in there:
            shown = ", ".join(headers)[:200] or "none"
            raise BadField("#/column", f"The file has no column {header[:60]!r}; it has {shown}.")
    if found.count(ADDRESS) != 1 or found.count(NAME) > 1:
        shown = ", ".join(headers)[:200] or "nothing"
        raise BadField(
            "#/column",
            f"One column has to have the addresses, and one at most the names; the first line has {shown}. Name a column "
            "“email”, or say which it is: HEADER=email.",
        )
    others = [name for name in found if name not in (ADDRESS, NAME, LEFT_OUT)]
    for name, number in Counter(others).items():
        if number > 1:
            raise BadField("#/column", f"Two columns would be the attribute {name!r}; leave one out with HEADER=-.")
    wrong = contacts.unusable(dict.fromkeys(others, ""))
    if wrong:
        raise BadField("#/column", f"{wrong[0].pointer.removeprefix('#/attributes/')}: {wrong[0].detail}")
    return found


def _person(fields: Sequence[str], cells: Sequence[str]) -> tuple[Spot, str, dict[str, Any]]:
    if len(cells) > len(fields):
        raise BadField("", f"it has {len(cells)} cells, the first line has {len(fields)}")
    values = {name: cell for name, cell in zip(fields, cells, strict=False) if cell and name != LEFT_OUT}
    if ADDRESS not in values:
        raise BadField("", "it has no address")
    spot, name = contacts.placed(values.pop(ADDRESS)), values.pop(NAME, "")
    for fault in (*contacts.named_wrongly(name), *contacts.unusable(values)):
        raise fault
    return spot, name, dict(values)
