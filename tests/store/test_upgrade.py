"""The schema's version: a new database and a migrated one are the same, and a newer one is left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from aftersend.errors import SettingsError
from aftersend.store import Engine, upgrade
from aftersend.store.schema import metadata


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """A database with nothing in it, on each engine."""
    engine = Engine(empty_url)
    yield engine
    engine.close()


def described(connection: Connection) -> dict[str, Any]:
    """All that the engine says of its tables: columns, keys, indexes with their conditions, and how rows are stored."""
    found: dict[str, Any] = {}
    seen = inspect(connection)
    for table in seen.get_table_names():
        if table == "alembic_version":
            continue
        columns = [
            (c["name"], str(c["type"]), c["nullable"], c["default"], bool(c.get("primary_key")))
            for c in seen.get_columns(table)
        ]
        keys = seen.get_pk_constraint(table)
        found[table] = (columns, keys["constrained_columns"], keys.get("name"))
    if connection.dialect.name == "sqlite":
        made = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'")
        )
        indexes = {
            name: " ".join(sql.split()) for name, sql in made if sql.startswith("CREATE INDEX") or "UNIQUE INDEX" in sql
        }
        rowid = connection.execute(
            text("SELECT name, wr FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        )
        found["without rowid"] = {name: flag for name, flag in rowid if name != "alembic_version"}
    else:
        made = connection.execute(
            text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()")
        )
        indexes = {name: definition for name, definition in made if name != "alembic_version_pkc"}
        indexes = {name: definition for name, definition in indexes.items() if "alembic_version" not in definition}
    found["indexes"] = indexes
    return found


def test_both_ways_end_in_the_same_schema(empty: Engine) -> None:
    """A database that went through every migration is like one that was made at once, to the last index."""
    upgrade.migrate(empty)
    with empty.connect() as connection:
        migrated = described(connection)
        connection.rollback()
    with empty.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    assert upgrade.upgrade(empty) is None
    with empty.connect() as connection:
        made = described(connection)
        connection.rollback()
    assert made == migrated
    assert {"ix_deliveries_facts", "ix_deliveries_reason", "ix_events_evidence"} <= made["indexes"].keys()


def test_the_migrations_end_in_the_tables_of_the_code(empty: Engine) -> None:
    """Nothing in the code's tables is missing from the migrations, or the other way round."""
    upgrade.migrate(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = [
            d
            for d in compare_metadata(context, metadata)
            if not any(partial in str(d) for partial in ("_facts", "_reason", "_evidence", "_bounced"))
        ]
        connection.rollback()
        assert differences == []
        assert upgrade.version(connection) == upgrade.HEAD


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    """A start makes what is missing; every further start finds it."""
    assert upgrade.upgrade(empty) is None
    assert upgrade.upgrade(empty) == upgrade.HEAD
    with empty.reading() as connection:
        assert upgrade.version(connection) == upgrade.HEAD


def test_an_empty_database_has_no_version(empty: Engine) -> None:
    """Whoever asks before the first start learns that there is nothing."""
    with empty.reading() as connection:
        assert upgrade.version(connection) is None


def test_a_newer_database_is_refused(empty: Engine) -> None:
    """An old program never writes into a schema that it does not know."""
    upgrade.upgrade(empty)
    with empty.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="newer"):
        upgrade.upgrade(empty)


def test_nodes_that_start_at_once_on_an_empty_database(empty_url: str) -> None:
    """The first makes the tables, the others wait for it."""
    done: list[Any] = []
    start = threading.Barrier(3)

    def begin() -> None:
        engine = Engine(empty_url)
        try:
            start.wait(10)
            done.append(upgrade.upgrade(engine))
        except BaseException as error:
            done.append(error)
        finally:
            engine.close()

    threads = [threading.Thread(target=begin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=str) == [upgrade.HEAD, upgrade.HEAD, None]


def test_a_migration_that_fails_leaves_nothing(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that breaks off undoes the whole upgrade, so it can be tried again."""
    from alembic import op

    def fail(statement: str) -> None:
        raise RuntimeError(statement)

    monkeypatch.setattr(op, "execute", fail)
    with pytest.raises(RuntimeError, match="ix_deliveries_facts"):
        upgrade.migrate(empty)
    monkeypatch.undo()
    with empty.connect() as connection:
        assert inspect(connection).get_table_names() == []
        connection.rollback()
    upgrade.migrate(empty)
