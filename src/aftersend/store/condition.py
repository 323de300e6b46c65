"""Own questions about the database itself: is it whole, what is in it, how large is it, how long has work been waiting."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from aftersend.clock import Instant
from aftersend.store import engine, turns
from aftersend.store.queue import Stage
from aftersend.store.schema import metadata, queue

FAULTS_SHOWN = 20


def sqlite_version() -> str:
    """Return the version of the SQLite that is used here."""
    return str(engine.sqlite.sqlite_version)  # type: ignore[attr-defined]


def freeze(connection: Connection) -> None:
    """Let every further question on this connection see one moment, whatever is written beside it. Call it first."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def faults(connection: Connection) -> list[str]:
    """Return what is wrong with the database's files or tables; [] when all is well. Reads everything."""
    if connection.dialect.name != "sqlite":
        found = set(
            connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").scalars()
        )
        return [f"The table {name} is missing." for name in metadata.tables if name not in found]
    said = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({FAULTS_SHOWN})")]
    return [] if said == ["ok"] else said


def rows(connection: Connection) -> dict[str, int]:
    """Count the rows of each table. Counts by scanning: for an operator, not for a loop."""
    return {
        name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for name, table in sorted(metadata.tables.items())
    }


def bytes_of_tables(connection: Connection) -> dict[str, int]:
    """Return what each table takes with its indexes; {} where this SQLite cannot say."""
    if connection.dialect.name == "sqlite":
        can_say = connection.exec_driver_sql("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'").first()
        if can_say is None:
            return {}
        query = (
            "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name "
            "WHERE s.aggregate GROUP BY m.tbl_name"
        )
    else:
        query = "SELECT relname, pg_total_relation_size(relid) FROM pg_statio_user_tables"
    return {name: int(size) for name, size in connection.exec_driver_sql(query) if name in metadata.tables}


def overdue(connection: Connection) -> tuple[int, Instant | None]:
    """Return how many deliveries are set aside for an operator, and when the oldest unclaimed work was due."""
    aside = connection.execute(
        select(func.count()).select_from(queue).where(queue.c.stage == int(Stage.SET_ASIDE))
    ).scalar_one()
    waiting = [turns.first_due(connection, stage) for stage in (Stage.TREATMENT, Stage.DELIVERY)]
    return int(aside), min((due for due in waiting if due is not None), default=None)
