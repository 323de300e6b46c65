"""The wiring of tracking: what fills the slots of outgoing mail, what answers visitors, what reads their hits."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aftersend.app.service import Service
from aftersend.config import Settings, address
from aftersend.logs import Logger

log = Logger("app")
_NAMES = ThreadPoolExecutor(4, "names")
"""Threads of their own: a DNS that does not answer must not keep others from theirs."""


def tokens(service: Service) -> Any:
    """Return what makes and reads the tokens of this installation."""
    from aftersend.mail.tracking_tokens import Tokens

    return Tokens((service.secret.derive("tracking"),))


def public_url(settings: Settings) -> str:
    """Return where recipients reach us; "" where nothing is tracked."""
    return settings.tracking.url.rstrip("/")


def filler(service: Service) -> Any:
    """Return what fills the slots of outgoing mail; None where nothing is tracked."""
    from aftersend.delivery.composing import Visits

    url = public_url(service.settings)
    return Visits(url, tokens(service), service.clock) if url else None


async def start(service: Service) -> None:
    """Listen for visitors, and read the hits that come in on any node."""
    from aftersend.tracking.http import Visitors
    from aftersend.tracking.keeping import Keeper
    from aftersend.tracking.loop import Labels
    from aftersend.tracking.opting_out import OptOut
    from aftersend.tracking.origins import Origins
    from aftersend.tracking.reading import Pace
    from aftersend.tracking.visits import Rules, Visits

    chosen, scale = service.settings.tracking, service.settings.delivery.time_scale
    if chosen.listen:
        keeper = Keeper(service.store)
        opt_out = OptOut(service.store, service.clock)
        rules = Rules(chosen.trusted_proxies, scale)
        visits = Visits(service.store, keeper, tokens(service), opt_out, service.clock, service.ids, rules)
        visitors = Visitors(visits.answer, service.clock, lambda: log.exception("visit_failed"))
        await visitors.start([address(each) for each in chosen.listen])
        service.addresses["tracking"] = visitors.bound[0]
        service.spawn(keeper.run())
        service.visits = lambda: {
            "kept": keeper.kept,
            "lost": keeper.lost,
            "waiting": keeper.waiting,
            "open": len(visitors.open),
            "turned_away": visitors.turned_away,
            "cut_off": visitors.cut_off,
        }

        async def stop() -> None:
            await visitors.stop()
            await keeper.end()

        service.closers.append(stop)
    if public_url(service.settings):
        labels = Labels(service.store, service.clock, Origins(chosen.networks, _name_of), Pace(scale))
        service.spawn(labels.run())


async def _name_of(text: str) -> str | None:
    """Return the name of an address, if that name has this address: anybody can give his address the name of another."""

    def ask() -> str | None:
        try:
            name = socket.gethostbyaddr(text)[0]
            return name if text in {each[4][0] for each in socket.getaddrinfo(name, None)} else None
        except OSError:
            return None

    return await asyncio.get_running_loop().run_in_executor(_NAMES, ask)
