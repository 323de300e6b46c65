"""Files of people are read whole, and every row that cannot be used is named."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.broadcasts import importing
from aftersend.errors import BadField


def read(text: str, *columns: str) -> importing.Read:
    return importing.read(text.encode(), importing.columns(columns), itertools.count(1).__next__)


def test_columns_are_found_by_their_names_and_others_are_attributes() -> None:
    """Spaces in a header become underscores; cells that an export made safe are as they were."""
    found = read("\ufeffE-Mail;First name;Phone;Name\nAnn@Example.NET;Ann;'+43 1;Ann Lee\n\nbob@example.net;;;\n")
    assert found.faults == []
    assert [(row.spot.address, row.spot.folded, row.name, row.attributes) for row in found.people] == [
        ("Ann@example.net", "ann@example.net", "Ann Lee", {"first_name": "Ann", "phone": "+43 1"}),
        ("bob@example.net", "bob@example.net", "", {}),
    ]


def test_columns_can_be_mapped() -> None:
    """To the address, the name, an attribute, or to nothing."""
    found = read(
        "Kontakt,Wer,Ort,Notiz\nann@example.net,Ann,Wien,x\n", "Kontakt=email", "wer=name", "Ort=city", "Notiz=-"
    )
    assert [(row.name, row.attributes) for row in found.people] == [("Ann", {"city": "Wien"})]


def test_every_row_that_cannot_be_used_is_named() -> None:
    """With the line on which it begins, also behind cells of several lines."""
    found = read(
        'email,note\nann@example.net,"two\nlines"\nnobody,x\nANN@example.net,again\n,empty\nbob@example.net,1,2\n'
    )
    assert [row.spot.folded for row in found.people] == ["ann@example.net"]
    assert [fault.line for fault in found.faults] == [4, 5, 6, 7]
    assert "line 2 already" in found.faults[1].why
    assert found.lines == len(found.people) + len(found.faults)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"email\n\xff@example.net\n", []),
        (b"name\nAnn\n", []),
        (b"email,mail\na@example.net,b@example.net\n", []),
        (b"email,city,City\na@example.net,1,2\n", []),
        (b"email,2x\na@example.net,1\n", []),
        (b"email\na@example.net\n", ["nope=name"]),
        (b"email\na@example.net\n", ["nope"]),
        (b"", []),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(content: bytes, columns: list[str]) -> None:
    """In words that say what to mend."""
    with pytest.raises(BadField) as raised:
        importing.read(content, importing.columns(columns), itertools.count(1).__next__)
    assert len(raised.value.detail) > 20


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=20))
def test_every_row_is_used_or_named(rows: list[tuple[str, str]]) -> None:
    """Whatever stands in the cells."""
    out = io.StringIO()
    csv.writer(out).writerows([("email", "city"), *rows])
    try:
        content = out.getvalue().encode()
    except UnicodeEncodeError:
        return
    try:
        found = importing.read(content, {}, itertools.count(1).__next__)
    except BadField as error:
        assert error.code == "invalid-file"
        return
    assert found.lines == len(found.people) + len(found.faults)


@pytest.mark.parametrize(
    "content",
    [b"email," + b",".join(b"c%d" % number for number in range(300_000)), b"email\n" + b"\n" * 200_000],
    ids=["columns", "empty rows"],
)
def test_a_file_out_of_all_measure_is_refused_soon(content: bytes) -> None:
    """Neither columns nor empty rows are counted for minutes."""
    with pytest.raises(BadField):
        importing.read(content, {}, iter(range(10)).__next__)
