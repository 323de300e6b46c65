"""Own how the tables of the schema are made: their names, and the few kinds of column they have."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    event,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *columns: Column[object] | Index | PrimaryKeyConstraint, clustered: bool = False) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=not clustered)


def integer(name: str, *, default: int | None = None, nullable: bool = False) -> Column[object]:
    standing = None if default is None else text(str(default))
    return Column(name, BigInteger, nullable=nullable, server_default=standing)


def small(name: str, *, default: int | None = None, nullable: bool = False) -> Column[object]:
    standing = None if default is None else text(str(default))
    return Column(name, SmallInteger, nullable=nullable, server_default=standing)


def words(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def partial_index(table: Table, name: str, columns: str, condition: str) -> None:
    """Make an index of some rows with its table. As plain SQL, which both engines understand: SQLAlchemy would load both of
    its dialects to check the words."""
    statement = f"CREATE INDEX {name} ON {table.name} ({columns}) WHERE {condition}"
    event.listen(table, "after_create", DDL(statement))  # type: ignore[no-untyped-call]
