"""Own what differs between SQLite and PostgreSQL, so that nothing else in the store knows which one it talks to:
connection options, where a hot statement runs, how the sites of a process hear a bell, which errors mean busy or full.

The hot path does not pay for SQLAlchemy at every row: a `Statement` is built with SQLAlchemy Core once, compiled once
for the engine, and run on the driver's own cursor.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Table,
    Text,
    any_,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.engine import Engine as SqlEngine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.expression import ClauseElement

from aftersend.errors import OutOfSpace, SettingsError, TryLater

try:
    import pysqlite3.dbapi2 as sqlite
except ImportError:  # pragma: no cover - wheels exist for Linux x86_64 and macOS; elsewhere Python's own SQLite serves
    sqlite = sqlite3

Row = Sequence[Any]


def _itself(value: Any) -> Any:
    return value


# The driver looks for a way to adapt every value that is not an int, a float or a str, and builds an exception when it
# finds none: a microsecond for each None and each bytes in a row. Told that they stay as they are, it takes a twentieth.
sqlite.register_adapter(type(None), _itself)
sqlite.register_adapter(bytes, _itself)

PAGE = 8192
CHECKPOINT_PAGES = 4000
LOCK_WAIT_S = 20
LOCK_LOOK_S = 0.002
WAL_RACE_FIXED = ((3, 53, 0), (3, 51, 3), (3, 50, 7), (3, 44, 6))


class Statement:
    """A Core statement that is compiled once and run on the driver's cursor with positional values.

    The values come in the order of `names`. Only for values that drivers take as they are (int, str, bytes, None).
    """

    def __init__(self, build: ClauseElement | Callable[[str], ClauseElement], *names: str) -> None:
        self._build = build
        self._names = names
        self._compiled: dict[str, tuple[str, Arrange | None]] = {}

    def on(self, connection: Connection) -> tuple[str, Arrange | None]:
        """Return the SQL for this engine and, where the values must be put in another order, what does that."""
        name = connection.dialect.name
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = self._compile(connection)
        return found

    def _compile(self, connection: Connection) -> tuple[str, Arrange | None]:
        style = "qmark" if connection.dialect.name == "sqlite" else "format"
        dialect = type(connection.dialect)(paramstyle=style)  # type: ignore[call-arg]
        statement = self._build(connection.dialect.name) if callable(self._build) else self._build
        compiled = statement.compile(dialect=dialect)
        wanted: list[str] = list(getattr(compiled, "positiontup", None) or [])
        if wanted == list(self._names):
            return str(compiled), None
        constants = {name: value for name, value in compiled.params.items() if name not in self._names}
        unknown = [name for name in wanted if name not in self._names and constants.get(name) is None]
        if unknown:
            raise ValueError(f"the statement binds {unknown}, which are not among {self._names}")
        places = [self._names.index(name) if name in self._names else constants[name] for name in wanted]
        given = [name in self._names for name in wanted]
        return str(compiled), lambda values: [values[p] if g else p for p, g in zip(places, given, strict=True)]


Arrange = Callable[[Row], Row]


SETTING_UP = 4_711_060_531
"""The number of PostgreSQL's advisory lock under which nodes set themselves up."""


def alone(connection: Connection) -> None:
    """Keep other nodes from setting themselves up until this transaction ends; SQLite has one writer as it is."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SETTING_UP})")


def many(connection: Connection, statement: Statement, rows: Sequence[Row]) -> None:
    """Run a statement once for each row, in one call of the driver."""
    if not rows:
        return
    sql, arrange = statement.on(connection)
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(sql, rows if arrange is None else [arrange(row) for row in rows])
    finally:
        cursor.close()


def rows(connection: Connection, statement: Statement, values: Row = ()) -> list[Any]:
    """Run a query and return all its rows as tuples."""
    sql, arrange = statement.on(connection)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, values if arrange is None else arrange(values))
        return list(cursor.fetchall())
    finally:
        cursor.close()


def run(connection: Connection, statement: Statement, values: Row = ()) -> int:
    """Run a command and return how many rows it touched."""
    sql, arrange = statement.on(connection)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, values if arrange is None else arrange(values))
        return int(cursor.rowcount)
    finally:
        cursor.close()


def insert_if_new(table: Table, engine_name: str) -> Any:
    """Build an insert of all columns that leaves a row alone whose key is already there."""
    if engine_name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_here
    else:
        from sqlalchemy.dialects.postgresql import insert as insert_here  # type: ignore[assignment]
    return insert_here(table).on_conflict_do_nothing()


def upsert(table: Table, engine_name: str) -> Any:
    """Build an insert that can be continued with `on_conflict_do_update`."""
    if engine_name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_here
    else:
        from sqlalchemy.dialects.postgresql import insert as insert_here  # type: ignore[assignment]
    return insert_here(table)


def among(column: Any, engine_name: str, name: str = "ids") -> Any:
    """Build `column IN (all of one bound list)`; bind the list with `packed`."""
    if engine_name == "sqlite":
        values = func.json_each(bindparam(name)).table_valued("value").alias(f"{name}_listed")
        return column.in_(select(values.c.value))
    kind = Text if isinstance(column.type, Text) else BigInteger
    return column == any_(bindparam(name, type_=ARRAY(kind)))


def packed(connection: Connection, values: Sequence[int] | Sequence[str]) -> Any:
    """Bind a list for `among`."""
    return json.dumps(values) if connection.dialect.name == "sqlite" else list(values)


def insert_rows(table: Table, *, if_new: bool = False) -> Statement:
    """A statement that inserts rows with a value for every column, in the order of the schema."""
    names = [column.name for column in table.columns]
    if if_new:
        return Statement(lambda engine_name: insert_if_new(table, engine_name), *names)
    return Statement(insert(table), *names)


def query(statement: ClauseElement | Callable[[str], ClauseElement], *names: str) -> Statement:
    """A statement with named bind parameters, run with values in the order of `names`."""
    return Statement(statement, *names)


class Engine:
    """The open database: one connection that writes, as many as needed that read."""

    def __init__(self, url: str, *, readers: int = 8) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.runs_on_loop = self.is_sqlite
        """A hot statement takes microseconds on SQLite, and two hand-overs between threads take more: it runs where it is
        called, and only the commit, which waits for the disk, goes to a thread. PostgreSQL is asked from a thread."""
        self.path = self._prepare_path(url) if self.is_sqlite else None
        self._engine = self._open(url, readers)
        self._listener: Listener | None = None

    @staticmethod
    def _prepare_path(url: str) -> Path:
        name = make_url(url).database
        if not name or name == ":memory:":
            raise SettingsError("store.url needs a file: sqlite:////var/lib/aftersend/aftersend.db")
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _open(self, url: str, readers: int) -> SqlEngine:
        if not self.is_sqlite:
            plain = make_url(url)
            if plain.get_backend_name() != "postgresql":
                raise SettingsError(f"store.url must begin with sqlite:/// or postgresql://, not {plain.drivername}://")
            return create_engine(
                plain.set(drivername="postgresql+psycopg"), poolclass=QueuePool, pool_size=readers, max_overflow=4
            )
        engine = create_engine(
            url,
            module=sqlite,
            poolclass=QueuePool,
            pool_size=readers,
            connect_args={"check_same_thread": False, "timeout": 5, "isolation_level": None},
        )
        event.listen(engine, "connect", self._on_connect)
        return engine

    def _on_connect(self, connection: Any, record: object) -> None:
        cursor = connection.cursor()
        if not self.path or not self.path.exists() or self.path.stat().st_size == 0:
            cursor.execute(f"PRAGMA page_size={PAGE}")
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        journal = "WAL" if wal_is_safe() else "TRUNCATE"
        # SQLite itself does not wait here: two that open a new database at once would be in each other's way.
        _take_turn(cursor, f"PRAGMA journal_mode={journal}")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        cursor.execute("PRAGMA cache_size=-8192")
        cursor.execute("PRAGMA journal_size_limit=67108864")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    def connect(self) -> Connection:
        """Return a connection; the caller closes it."""
        return self._engine.connect()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of its own, for set-up and for tools that run without the service's writer."""
        with self.connect() as connection:
            begin(connection)
            try:
                yield connection
            except BaseException:
                rollback(connection)
                raise
            commit(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads; each question sees what is durable then (`condition.freeze` holds the moment)."""
        with self.connect() as connection:
            yield connection

    def size_bytes(self) -> int:
        """Return what the database takes on disk."""
        if self.path is None:
            with self.reading() as connection:
                return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
        return sum(part.stat().st_size for part in self.path.parent.glob(self.path.name + "*"))

    def free_bytes(self) -> int | None:
        """Return the space left where the database lives, or None when that is another machine's."""
        if self.path is None:
            return None
        state = os.statvfs(self.path.parent)
        return state.f_bavail * state.f_frsize

    def give_back(self) -> None:
        """Return the space of deleted rows to the file system; cheap when there is nothing to return."""
        with self.connect() as connection:
            if self.is_sqlite:
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA incremental_vacuum").fetchall()
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                cursor.close()
            else:
                driver = connection.connection.driver_connection
                connection.rollback()
                assert driver is not None
                driver.autocommit = True
                try:
                    for table in ("bodies", "messages", "events", "deliveries", "queue", "refusals"):
                        driver.execute(f"VACUUM {table}")
                finally:
                    driver.autocommit = False

    def version(self) -> str:
        """Name the database and its version, for `doctor`."""
        if self.is_sqlite:
            return f"SQLite {sqlite.sqlite_version}"
        with self.reading() as connection:
            return "PostgreSQL " + str(connection.exec_driver_sql("SHOW server_version").scalar_one())

    def listen(self, heard: Callable[[str], None]) -> None:
        """Call `heard(name)` from a thread whenever another process rings; PostgreSQL only, nothing elsewhere."""
        if not self.is_sqlite:
            self._listener = Listener(self.url, heard)
            self._listener.start()

    def close(self) -> None:
        """Close every connection."""
        if self._listener is not None:
            self._listener.stop()
        self._engine.dispose()


def name_of(connection: Connection) -> str:
    """Name the engine, as `insert_if_new`, `upsert` and `among` want to know it."""
    return str(connection.dialect.name)


def node_of(connection: Connection) -> int:
    """Return the number of the node that writes through this connection; 0 for tools."""
    return int(connection.info.get("node", 0))


CHANNEL = "aftersend"


def ring(connection: Connection, name: str) -> None:
    """Wake the loops that wait for `name`, here and on other nodes, once this transaction is durable."""
    connection.info.setdefault("rung", set()).add(name)


def rung(connection: Connection) -> set[str]:
    """Take what was rung in this transaction."""
    names: set[str] = connection.info.pop("rung", set())
    return names


def ring_elsewhere(connection: Connection, names: Iterable[str]) -> None:
    """Ring in other processes when this transaction commits; SQLite has no bell, its processes look every while."""
    if connection.dialect.name == "postgresql":
        for name in names:
            connection.connection.cursor().execute("SELECT pg_notify(%s, %s)", (CHANNEL, name))


class Listener(threading.Thread):
    """Hears the bells that other nodes ring through PostgreSQL's NOTIFY; reconnects for ever."""

    def __init__(self, url: str, heard: Callable[[str], None]) -> None:
        super().__init__(name="store-listener", daemon=True)
        self._url = url
        self._heard = heard
        self._stopping = threading.Event()

    def run(self) -> None:
        """Listen until stopped."""
        import psycopg

        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    while not self._stopping.is_set():
                        for notice in connection.notifies(timeout=0.5):
                            if self._stopping.is_set():
                                return
                            if notice.payload:
                                self._heard(notice.payload)
            except psycopg.Error:
                self._stopping.wait(1.0)

    def stop(self) -> None:
        """Stop within a second; at once if the database is there to wake the thread."""
        import psycopg

        self._stopping.set()
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True, connect_timeout=2) as own:
            own.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        self.join(2.0)


def begin(connection: Connection, *, wait: bool = True) -> bool:
    """Begin a transaction that may write; with `wait=False` return False at once when another process is writing."""
    if connection.dialect.name != "sqlite":
        if not connection.in_transaction():
            connection.begin()
        return True
    return _take_turn(connection.connection.cursor(), "BEGIN IMMEDIATE", wait=wait)


def _take_turn(cursor: Any, statement: str, *, wait: bool = True) -> bool:
    """Run what takes a lock of SQLite's; with `wait=False` return False at once when another process has it."""
    give_up_at = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            cursor.execute(statement)
            return True
        except sqlite.OperationalError as error:
            if not is_busy(error) or (wait and time.monotonic() > give_up_at):
                raise
            if not wait:
                return False
        time.sleep(LOCK_LOOK_S)


def data_version(connection: Connection) -> int:
    """Return a number that changes when another connection has written (SQLite)."""
    cursor = connection.connection.cursor()
    return int(cursor.execute("PRAGMA data_version").fetchone()[0])


def never_wait(connection: Connection) -> None:
    """Let statements on this connection fail at once when another process writes, rather than stand still."""
    if connection.dialect.name == "sqlite":
        connection.connection.cursor().execute("PRAGMA busy_timeout=0")


def commit(connection: Connection) -> None:
    """Make the transaction durable: when this returns, it survives the loss of power."""
    complete(connection)
    if connection.dialect.name == "sqlite":
        connection.connection.cursor().execute("COMMIT")
    else:
        connection.commit()


def complete(connection: Connection) -> None:
    """Write what was left for the end of the transaction (`before_commit`)."""
    for act in connection.info.pop("before_commit", {}).values():
        act(connection)


def rollback(connection: Connection) -> None:
    """Undo the transaction; harmless when there is none."""
    for kept in ("before_commit", "rung", "counted", "noted"):
        connection.info.pop(kept, None)
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        if driver is not None and driver.in_transaction:
            driver.execute("ROLLBACK")
    connection.rollback()


def before_commit(connection: Connection, name: str, act: Callable[[Connection], None]) -> None:
    """Have `act` run once, right before this transaction is committed; not at all if it is undone."""
    connection.info.setdefault("before_commit", {})[name] = act


def is_busy(error: BaseException) -> bool:
    """Say whether another process held the database for too long; the same work may succeed later."""
    text = str(error)
    return "database is locked" in text or "database table is locked" in text or "deadlock detected" in text


def is_full(error: BaseException) -> bool:
    """Say whether the disk, or the database, is full."""
    text = str(error)
    return (
        "database or disk is full" in text
        or "disk I/O error" in text
        or "No space left on device" in text
        or "could not extend file" in text
    )


def is_lost(error: BaseException) -> bool:
    """Say whether the database went away; the same work may succeed when it is back."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    kind = type(error)
    return (kind.__module__.startswith("psycopg") and kind.__name__ in {
        "OperationalError", "AdminShutdown", "InterfaceError", "CrashShutdown", "CannotConnectNow",
    }) or isinstance(error, OperationalError)  # fmt: skip


def translate(error: BaseException) -> BaseException:
    """Turn an error of the engine into one that a caller understands; return others as they are."""
    if is_full(error):
        return OutOfSpace("The disk of this server is full; nothing was kept. Free some space, then try again.")
    if is_busy(error) or is_lost(error):
        return TryLater("The database does not answer just now; nothing was kept. Try again in a moment.")
    return error


def wal_is_safe() -> bool:
    """Say whether this SQLite is free of the WAL-reset race (3.7.0 to 3.51.2, some releases mended since)."""
    version = sqlite.sqlite_version_info
    return version >= WAL_RACE_FIXED[1] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in WAL_RACE_FIXED[2:]
    )
