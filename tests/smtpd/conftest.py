"""A submission server on real sockets, and keys to come in with."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aftersend import clock as real_clock
from aftersend.control import keys as api_keys
from aftersend.control.keys import Keys
from aftersend.ids import IdSource
from aftersend.intake import Intake
from aftersend.smtpd import Submission, SubmissionServer
from aftersend.smtpd.certificate import server_context
from aftersend.store import Store, accounts
from given import ACCOUNT, Clock

sys.path.insert(0, str(Path(__file__).parent))

from plain_client import House  # noqa: E402 - it lies beside this file


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """The server's certificate: one that it made itself."""
    return server_context("", "", data_dir=str(tmp_path), hostname="mx.example.org")


@pytest.fixture
def serve(
    store: Store, runner: asyncio.Runner, clock: Clock, ids: IdSource, tls: ssl.SSLContext, write: Callable[..., Any]
) -> Iterator[Callable[..., Awaitable[House]]]:
    """Start a server with rules of one's own: by default, on a network that it trusts."""
    houses: list[House] = []

    async def start(*, listen_tls: bool = False, **rules: Any) -> House:
        intake = Intake(store, clock, ids, hostname="mx.example.org", max_size=100_000)
        intake.streams = write(accounts.all_streams)
        usual: dict[str, Any] = {
            "hostname": "mx.example.org", "max_size": 100_000, "max_recipients": 5, "max_connections": 50,
            "max_connections_per_client": 50, "idle_s": 300.0, "bare_newlines": "refuse",
            "trusted_networks": ("127.0.0.0/8",), "trusted_account": ACCOUNT, "tls": tls,
        }  # fmt: skip
        keys = Keys(store, real_clock.now)
        server = SubmissionServer(Submission(**(usual | rules)), intake, keys, store, clock, ids)
        places = await server.start([("127.0.0.1", 0)], [("127.0.0.1", 0)] if listen_tls else [])
        houses.append(House(server, store, places))
        return houses[-1]

    yield start

    async def stop() -> None:
        for house in houses:
            for client in house.clients:
                client.close()
            await house.server.stop()

    runner.run(stop())


@pytest.fixture
def make_key(write: Callable[..., Any], ids: IdSource) -> Callable[..., str]:
    """Make an API key for an account."""

    def make(*scopes: str, account: int = ACCOUNT, networks: tuple[str, ...] = ()) -> str:
        return str(
            write(
                api_keys.create, account, ids(), name="shop", scopes=scopes or ("send",), networks=networks,
                now=real_clock.now(),
            )
        )  # fmt: skip

    return make
