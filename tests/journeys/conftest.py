"""The whole service and the practice world, running on a thread of their own, on both engines.

All journeys of one engine share one service, so each uses recipients of its own. Ten minutes take a fifth of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from aftersend import app, config
from aftersend.practice import World

sys.path.insert(0, str(Path(__file__).parent))

from house import House  # noqa: E402 - it lies beside this file

SCALE = 1 / 3000
LIFETIME_S = 5.0
LATER_SCALE = 1 / 172_800
"""What comes back two days later comes back a second later."""


@contextlib.asynccontextmanager
async def _world_and_service(url: str, folder: str) -> AsyncIterator[tuple[World, app.Service]]:
    world = await World.start(time_scale=SCALE, later_scale=LATER_SCALE)
    visits = f"{world.network}.251:{world.port}"
    world.visits = f"http://{visits}"
    settings = config.load(
        None,
        {},
        data_dir=folder,
        node="journeys",
        store__url=url,
        smtp__listen=["127.0.0.1:0"],
        smtp__hostname="mail.practice.test",
        smtp__trusted_networks=["127.0.0.0/8"],
        web__listen=["127.0.0.1:0"],
        delivery__port=world.port,
        delivery__routes=world.routes,
        delivery__time_scale=SCALE,
        delivery__lifetime_hours=dict.fromkeys(("transactional", "broadcast", "general"), LIFETIME_S / 3600),
        dns__server=f"{world.dns[0]}:{world.dns[1]}",
        returns__listen=["127.0.0.1:0"],
        suppression__soft_apart_hours=0.0,
        tracking__listen=[visits],
        tracking__url=f"http://{visits}",
        tracking__opt_out=["transactional", "general", "broadcast"],
        tracking__networks=world.networks,
    )
    try:
        async with app.running(settings) as service:
            world.returns = service.addresses["returns"]
            yield world, service
    finally:
        await world.stop()


def _live(url: str, folder: str) -> Iterator[House]:
    started: list[Any] = []
    ready, done = threading.Event(), threading.Event()

    async def live() -> None:
        async with _world_and_service(url, folder) as (world, service):
            started.append(House(asyncio.get_running_loop(), service, world))
            ready.set()
            while not done.is_set():
                await asyncio.sleep(0.02)

    def run() -> None:
        try:
            app.run(live())
        except BaseException as error:
            started.append(error)
        ready.set()

    thread = threading.Thread(target=run, name="service")
    thread.start()
    ready.wait(60)
    try:
        if not isinstance(started[-1], House):
            raise started[-1]
        yield started[0]
    finally:
        done.set()
        thread.join(60)
    if len(started) > 1:
        raise started[-1]


@pytest.fixture(scope="session")
def journeys_database(postgres_server: str) -> str:
    """An empty PostgreSQL database."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE journeys")
    return postgres_server.replace("/postgres?", "/journeys?")


@pytest.fixture(scope="session")
def _house_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from _live("", str(tmp_path_factory.mktemp("journeys")))


@pytest.fixture(scope="session")
def _house_on_postgresql(tmp_path_factory: pytest.TempPathFactory, journeys_database: str) -> Iterator[House]:
    yield from _live(journeys_database, str(tmp_path_factory.mktemp("journeys")))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest) -> House:
    """The service and the practice world, on each engine."""
    found: House = request.getfixturevalue(f"_house_on_{request.param}")
    return found
