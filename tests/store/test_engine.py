"""What differs between the engines stays in one place, and the same functions give the same answers on both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, literal_column, select, text, update

from aftersend.errors import OutOfSpace, SettingsError, TryLater
from aftersend.store import Engine, meta
from aftersend.store import engine as engines
from aftersend.store.engine import Statement, among, insert_rows, many, packed, query, rows, run
from aftersend.store.schema import audit
from aftersend.store.schema import meta as meta_table

Do = Callable[..., Any]


def test_a_statement_takes_its_values_in_the_order_of_its_names(engine: Engine) -> None:
    """Not in the order in which they stand in the SQL, nor in that of the table."""
    with engine.writing() as connection:
        many(connection, Statement(insert(meta_table), "value", "name"), [("v1", "n1"), ("v2", "n2")])
        change = Statement(
            update(meta_table).where(meta_table.c.name == bindparam("which")).values(value=bindparam("new")),
            "which", "new",
        )  # fmt: skip
        assert run(connection, change, ("n1", "changed")) == 1
        assert run(connection, change, ("n9", "changed")) == 0
        found = rows(connection, query(select(meta_table.c.name, meta_table.c.value).order_by(meta_table.c.name)))
    assert [tuple(row) for row in found] == [("n1", "changed"), ("n2", "v2")]


def test_a_value_that_occurs_twice_is_given_once(engine: Engine) -> None:
    """A name that stands in the SQL several times is bound in every place."""
    both = query(
        select(meta_table.c.name).where((meta_table.c.name == bindparam("x")) | (meta_table.c.value == bindparam("x"))),
        "x",
    )
    with engine.writing() as connection:
        many(connection, insert_rows(meta_table), [("a", "b"), ("b", "c"), ("c", "d")])
        assert sorted(row[0] for row in rows(connection, both, ("b",))) == ["a", "b"]


def test_a_statement_keeps_its_constants(engine: Engine) -> None:
    """What is not named keeps the value that the statement was built with."""
    found = query(select(literal_column("1"), meta_table.c.value).where(meta_table.c.name == "fixed"))
    with engine.writing() as connection:
        many(connection, insert_rows(meta_table), [("fixed", "v"), ("other", "w")])
        assert [tuple(row) for row in rows(connection, found)] == [(1, "v")]


def test_a_statement_that_binds_what_has_no_name_is_refused(engine: Engine) -> None:
    """A forgotten name is found at once, not when rows go astray."""
    wrong = query(select(meta_table.c.value).where(meta_table.c.name == bindparam("forgotten")))
    with engine.reading() as connection, pytest.raises(ValueError, match="forgotten"):
        rows(connection, wrong)


@pytest.mark.parametrize("wanted", [[], ["a"], ["a", "c", "zz"], [f"x{i}" for i in range(5000)] + ["b"]])
def test_among_a_list_of_texts(engine: Engine, wanted: list[str]) -> None:
    """A list of any length is bound as one value."""
    found = query(lambda name: select(meta_table.c.name).where(among(meta_table.c.name, name)), "ids")
    with engine.writing() as connection:
        many(connection, insert_rows(meta_table), [(n, "") for n in "abc"])
        got = sorted(row[0] for row in rows(connection, found, (packed(connection, wanted),)))
    assert got == sorted(set(wanted) & set("abc"))


def test_among_a_list_of_numbers(engine: Engine) -> None:
    """Numbers of 63 bits are found exactly."""
    big = (1 << 62) + 12345
    found = query(lambda name: select(audit.c.id).where(among(audit.c.id, name, "wanted")), "wanted")
    with engine.writing() as connection:
        many(connection, insert_rows(audit), [(1, n, "me", "did", "it", n) for n in (big, big + 1, 7)])
        got = {row[0] for row in rows(connection, found, (packed(connection, [big, 7, 8]),))}
    assert got == {big, 7}


def test_odd_texts_survive_a_list(engine: Engine) -> None:
    """Quotes, letters of any script and signs that JSON escapes are compared as they are."""
    odd = ['"', "'", "\\", "ö", "日本", "a,b", "{}", "\u2028", "%", "🦊"]
    found = query(lambda name: select(meta_table.c.name).where(among(meta_table.c.name, name)), "ids")
    with engine.writing() as connection:
        many(connection, insert_rows(meta_table), [(n, "") for n in odd])
        assert {row[0] for row in rows(connection, found, (packed(connection, odd),))} == set(odd)


def test_insert_if_new_leaves_what_is_there(engine: Engine) -> None:
    """The first one counts, and how many were new is known."""
    statement = insert_rows(meta_table, if_new=True)
    with engine.writing() as connection:
        assert run(connection, statement, ("a", "first")) == 1
        assert run(connection, statement, ("a", "second")) == 0
        assert meta.get(connection, "a") == "first"


def test_nothing_to_do_is_done(engine: Engine) -> None:
    """An empty list of rows is no statement."""
    with engine.writing() as connection:
        many(connection, insert_rows(meta_table), [])


def test_a_transaction_that_fails_leaves_nothing(engine: Engine, read: Do) -> None:
    """Tools that run without the service's writer get all or nothing too."""
    with pytest.raises(RuntimeError), engine.writing() as connection:
        meta.put(connection, "half", "x")
        raise RuntimeError
    assert read(meta.get, "half") is None


def test_full_and_busy_are_told_apart() -> None:
    """A full disk, a database that is busy or away, and a bug of ours get different answers."""
    full = [engines.sqlite.OperationalError("database or disk is full"), OSError("No space left on device")]
    busy = [engines.sqlite.OperationalError("database is locked"), RuntimeError("deadlock detected")]
    assert all(engines.is_full(e) and not engines.is_busy(e) for e in full)
    assert all(engines.is_busy(e) and not engines.is_full(e) for e in busy)
    assert {type(engines.translate(e)) for e in full} == {OutOfSpace}
    assert {type(engines.translate(e)) for e in busy} == {TryLater}
    ours = ZeroDivisionError("a bug")
    assert engines.translate(ours) is ours


def test_a_full_sqlite_says_so(tmp_path: Any) -> None:
    """The engine's own words for a full database are known."""
    engine = Engine(f"sqlite:///{tmp_path}/small.db")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("PRAGMA max_page_count=10")
        with pytest.raises(Exception) as caught:
            for _ in range(100):
                connection.exec_driver_sql("INSERT INTO t VALUES (randomblob(5000))")
    assert engines.is_full(caught.value)
    assert isinstance(engines.translate(caught.value), OutOfSpace)
    engine.close()


@pytest.mark.postgres
def test_a_server_that_goes_away_is_said_to_be_away(engine: Engine) -> None:
    """When PostgreSQL ends a connection, callers are told to try later, and the next try finds it again."""
    if engine.is_sqlite:
        pytest.skip("SQLite has no server")
    with engine.connect() as connection, engine.connect() as other:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        other.execute(text(f"SELECT pg_terminate_backend({pid})"))
        with pytest.raises(Exception) as caught:
            connection.execute(text("SELECT 1"))
        assert isinstance(engines.translate(caught.value), TryLater)
        connection.invalidate()
    with engine.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    """The operator is told what `store.url` may be."""
    with pytest.raises(SettingsError, match="store.url"):
        Engine(url)


def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Any) -> None:
    """A commit is synced before it is reported, and deleted space can be given back."""
    engine = Engine(f"sqlite:///{tmp_path}/new.db")
    with engine.connect() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "auto_vacuum", "page_size")
        }
    engine.close()
    journal = "wal" if engines.wal_is_safe() else "truncate"
    assert said == {"synchronous": 2, "journal_mode": journal, "auto_vacuum": 2, "page_size": engines.PAGE}


def test_the_size_and_the_version_are_known(engine: Engine) -> None:
    """For the operator: what the database is, and what it takes."""
    assert engine.size_bytes() > 10_000
    assert engine.version().startswith(("SQLite 3.", "PostgreSQL "))
    assert (engine.free_bytes() is None) is not engine.is_sqlite
