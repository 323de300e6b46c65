"""A node: it starts what it is told to start, stops in good order, and no two share a data directory."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftersend import app
from aftersend.config import Settings, load
from aftersend.errors import AftersendError, Conflict, SettingsError, TryLater
from aftersend.ledger.facts import Fact, Facts
from aftersend.store import Engine, accounts, deliveries, nodes, queue, suppressions
from aftersend.store.deliveries import Filter
from aftersend.store.queue import ClaimRequest, Stage
from given import ACCOUNT

CONTENT = b"From: Shop <shop@example.com>\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
def settings(tmp_path: Path, store_url: str) -> Callable[..., Settings]:
    """Settings of a node that listens on loopback, trusts it, and delivers nothing."""

    def make(name: str = "one", **more: Any) -> Settings:
        usual: dict[str, Any] = {
            "data_dir": str(tmp_path / f"data-{name}"), "node": name, "store__url": store_url, "secret": "a secret of the tests",
            "smtp__listen": ["127.0.0.1:0"], "smtp__hostname": "mx.example.org", "smtp__trusted_networks": ["127.0.0.0/8"],
            "web__listen": ["127.0.0.1:0"], "delivery__hold": True, "dns__server": "127.0.0.1:9",
        }  # fmt: skip
        return load(None, {}, **(usual | more))

    return make


def submit(service: app.Service, recipient: str = "ann@example.net") -> None:
    """Hand a message in."""
    with smtplib.SMTP(*service.addresses["smtp"], local_hostname="client.test", timeout=10) as client:
        client.sendmail("shop@example.com", [recipient], CONTENT)


def look(url: str, function: Callable[..., Any], *args: Any) -> Any:
    """Ask the database from outside."""
    engine = Engine(url)
    try:
        with engine.reading() as connection:
            return function(connection, *args)
    finally:
        engine.close()


async def test_a_node_takes_mail_and_leaves_in_good_order(settings: Callable[..., Settings]) -> None:
    """It is among the nodes while it works, keeps what it took, and is gone from the list afterwards, its ports closed."""
    wanted = settings()
    async with app.running(wanted, only=("smtp", "treatment")) as service:
        await asyncio.to_thread(submit, service)
        ((number, name, _, _),) = await service.store.ask(nodes.listed)
        assert (number, name) == (service.node, "one")
        place = service.addresses["smtp"]
    assert look(wanted.store_url, nodes.listed) == []
    (row,) = look(wanted.store_url, lambda c: deliveries.page(c, ACCOUNT, Filter(), limit=10))
    assert row["recipient"] == "ann@example.net"
    assert row["holder"] == 0
    with pytest.raises(OSError):
        await asyncio.open_connection(*place)
    with pytest.raises(TryLater):
        await service.store.ask(nodes.listed)


@pytest.mark.parametrize(
    ("only", "ports", "delivers"),
    [
        (("smtp",), {"smtp"}, False),
        (("web",), {"web"}, False),
        (("treatment",), set(), False),
        (("delivery",), set(), True),
        (("smtp", "delivery"), {"smtp"}, True),
        (("upkeep",), set(), False),
    ],
)
async def test_only_what_was_named_runs(
    settings: Callable[..., Settings], only: tuple[str, ...], ports: set[str], delivers: bool
) -> None:
    """A node runs the parts that it is told to, and no others."""
    async with app.running(settings(delivery__hold=False), only=only) as service:
        assert set(service.addresses) == ports
        assert (service.courier is not None) is delivers


async def test_by_default_everything_runs(settings: Callable[..., Settings]) -> None:
    """One command is the whole service; what is switched off by its settings stays off."""
    async with app.running(settings(delivery__hold=False)) as service:
        assert {"smtp", "web"} <= set(service.addresses)
        assert service.courier is not None
    async with app.running(settings(web__listen=[])) as service:
        assert "web" not in service.addresses
        assert service.courier is None


async def test_a_part_that_does_not_exist(settings: Callable[..., Settings]) -> None:
    """The answer lists those that do."""
    with pytest.raises(SettingsError, match="smtp, web, treatment, delivery"):
        async with app.running(settings(), only=("smpt",)):
            pass


async def test_a_data_directory_belongs_to_one_process(settings: Callable[..., Settings]) -> None:
    """A second one is refused before it touches anything, and the first works on; afterwards the place is free."""
    async with app.running(settings(), only=("smtp",)) as service:
        with pytest.raises(SettingsError, match="Another Aftersend"):
            async with app.running(settings(), only=("smtp",)):
                pass
        await asyncio.to_thread(submit, service)
        assert len(await service.store.ask(nodes.listed)) == 1
    async with app.running(settings(), only=("smtp",)) as service:
        await asyncio.to_thread(submit, service)


async def test_a_name_belongs_to_one_process(settings: Callable[..., Settings], tmp_path: Path) -> None:
    """Over one database a name that is at work is refused from another data directory, and the first works on."""
    async with app.running(settings(), only=("smtp",)) as service:
        with pytest.raises(Conflict, match="another name"):
            async with app.running(settings(data_dir=str(tmp_path / "elsewhere")), only=("smtp",)):
                pass
        assert await service.store.run(nodes.renew, service.node, service.incarnation, now=service.clock())


async def test_a_node_that_was_killed_starts_again_at_once(settings: Callable[..., Settings]) -> None:
    """Who comes back to its own data directory waits for no lease, and takes up what it held."""
    async with app.running(settings(), only=("smtp",)) as service:
        await asyncio.to_thread(submit, service)
        killed = service.incarnation
    with contextlib.closing(Engine(settings().store_url)) as engine, engine.writing() as connection:
        number, _ = nodes.enter(connection, "one", killed, now=service.clock(), take_over=False)
        queue.claim(connection, [ClaimRequest(Stage.DELIVERY, service.clock(), number, 10)])
    async with app.running(settings(), only=("smtp",)) as service:
        (row,) = await service.store.ask(lambda c: deliveries.page(c, ACCOUNT, Filter(), limit=9))
        assert row["holder"] == 0
        assert [name for _, name, *_ in await service.store.ask(nodes.listed)] == ["one"]


async def test_a_start_that_fails_leaves_nothing_behind(settings: Callable[..., Settings]) -> None:
    """Whatever is wrong: the lock, the database and the place among the nodes are free for the next try."""
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    wrong: list[dict[str, Any]] = [
        {"secret": "short"},
        {"smtp__tls_certificate": "/nowhere.pem"},
        {"smtp__listen": [f"127.0.0.1:{port}"]},
        {"smtp__listen": ["nonsense"]},
        {"smtp__trusted_networks": ["nonsense"]},
        {"delivery__routes": {"*": "http://x"}, "delivery__hold": False},
    ]
    for mistake in wrong:
        with pytest.raises((AftersendError, OSError, ValueError)):
            async with app.running(settings(**mistake), only=("smtp", "delivery")):
                pass
    taken.close()
    async with app.running(settings(), only=("smtp",)) as service:
        assert len(await service.store.ask(nodes.listed)) == 1


async def test_nodes_share_a_database(settings: Callable[..., Settings]) -> None:
    """Two nodes have numbers of their own, and give ids that never meet."""
    async with app.running(settings("one"), only=("smtp",)) as one, app.running(settings("two"), only=("smtp",)) as two:
        assert one.node != two.node
        await asyncio.gather(*(asyncio.to_thread(submit, s, f"{i}@example.net") for i, s in enumerate((one, two) * 5)))
        rows = await one.store.ask(lambda c: deliveries.page(c, ACCOUNT, Filter(), limit=100))
        assert len({r["id"] for r in rows}) == len(rows) == 10


async def test_the_mail_of_a_stopped_node_waits_for_the_next(settings: Callable[..., Settings]) -> None:
    """What one node took, and its treatment held for a list that the address is on, is ended by the next one."""
    async with app.running(settings(), only=("smtp",)) as service:
        await service.store.run(
            suppressions.put, ACCOUNT, "ann@example.net", cause="bounced", origin="learned", now=service.clock()
        )
        await asyncio.to_thread(submit, service)
        (row,) = await service.store.ask(lambda c: deliveries.page(c, ACCOUNT, Filter(), limit=9))
        assert row["stage"] == Stage.TREATMENT
    async with app.running(settings(), only=("treatment",)) as service, asyncio.timeout(10):
        while row["stage"] is not None:
            await asyncio.sleep(0.01)
            (row,) = await service.store.ask(lambda c: deliveries.page(c, ACCOUNT, Filter(), limit=9))
    assert Fact.SUPPRESSED in Facts(row["facts"])


async def test_a_loop_that_dies_takes_the_service_down(settings: Callable[..., Settings]) -> None:
    """No node goes on half: when a loop ends by a fault of ours, the whole node stops, so that it is noticed."""
    async with app.running(settings(), only=("smtp",)) as service:

        async def broken() -> None:
            raise ZeroDivisionError

        service.spawn(broken())
        async with asyncio.timeout(5):
            await service.stopping.wait()


async def test_work_that_ends_by_itself_does_not(settings: Callable[..., Settings]) -> None:
    """A task that is done is done."""
    async with app.running(settings(), only=("smtp",)) as service:

        async def brief() -> None:
            return None

        service.spawn(brief())
        await asyncio.sleep(0.05)
        assert not service.stopping.is_set()


async def test_what_is_kept_in_memory_is_read_again(settings: Callable[..., Settings]) -> None:
    """A stream that somebody adds is known after a refresh, without a restart."""
    async with app.running(settings(), only=("smtp",)) as service:
        await service.store.run(
            accounts.add_stream, ACCOUNT, "alerts", kind="transactional", lifetime_s=60, now=service.clock()
        )
        assert (ACCOUNT, "alerts") not in service.intake.streams
        await service.refresh()
        assert service.intake.streams[ACCOUNT, "alerts"].lifetime_s == 60


def test_coroutines_run_on_uvloop() -> None:
    """`app.run` runs work on the loop of the service and returns what it returns."""

    async def work() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert app.run(work()).startswith("uvloop")
