"""The practice world around a node: everything real, nothing leaves the machine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from aftersend.app.service import Service
from aftersend.config import Settings, address

RETURNS_OCTET = 250
TRACKING_OCTET = 251
"""In the practice world we take what comes back at an address of our own, on the port that everybody uses."""
PRACTICE_SCALE = 1 / 600
"""In the practice world ten minutes take a second."""
PRACTICE_LIFETIMES = {name: hours * PRACTICE_SCALE for name, hours in (("transactional", 4.0), ("general", 4.0), ("broadcast", 4.0))}  # fmt: skip


@contextlib.asynccontextmanager
async def practised(settings: Settings) -> AsyncIterator[Settings]:
    """Start the practice world and route all mail to it."""
    import msgspec

    from aftersend.practice import World

    world = await World.start()
    listen = settings.returns.listen or (f"{world.network}.{RETURNS_OCTET}:{world.port}",)
    host, port = address(listen[0])
    world.returns = ("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
    visits = settings.tracking.listen or (f"{world.network}.{TRACKING_OCTET}:{world.port}",)
    url = settings.tracking.url or f"http://{visits[0]}"
    world.visits = url
    suppression = settings.suppression
    try:
        yield msgspec.structs.replace(
            settings,
            returns=msgspec.structs.replace(settings.returns, listen=listen),
            suppression=msgspec.structs.replace(
                suppression, soft_apart_hours=suppression.soft_apart_hours * PRACTICE_SCALE
            ),
            delivery=msgspec.structs.replace(
                settings.delivery,
                port=world.port,
                routes=world.routes,
                time_scale=PRACTICE_SCALE,
                lifetime_hours=PRACTICE_LIFETIMES,
            ),
            tracking=msgspec.structs.replace(
                settings.tracking,
                listen=visits,
                url=url,
                opt_out=("transactional", "general", "broadcast"),
                networks={**world.networks, **settings.tracking.networks},
            ),
            webhooks=msgspec.structs.replace(
                settings.webhooks, allow_networks=(*settings.webhooks.allow_networks, "127.0.0.0/8", "::1/128")
            ),
            dns=msgspec.structs.replace(settings.dns, server=f"{world.dns[0]}:{world.dns[1]}"),
        )
    finally:
        await world.stop()


async def way_in(service: Service, here: str) -> str:
    """Return the console's address; before anybody has come in, one that works once and makes the first user."""
    from aftersend.control import people
    from aftersend.store import accounts
    from aftersend.store.people import is_anybody_there

    if await service.store.ask(is_anybody_there):
        return f"{here}/console/"
    token = await service.store.run(people.link, accounts.FIRST_ACCOUNT, None, "owner", now=service.clock())
    return f"{here}/console/welcome/{token}"


async def first_link(service: Service) -> None:
    """Before anybody has come in, say how the first one does."""
    web = service.addresses["web"]
    here = service.settings.web.url.rstrip("/") or f"http://{web[0]}:{web[1]}"
    place = await way_in(service, here)
    if "/welcome/" in place:
        print(
            f"Nobody uses the console yet. This link makes the first user, once, within a day:\n\n  {place}\n",
            flush=True,
        )


async def welcome(service: Service) -> None:
    """Say how to use what has just been started."""
    from aftersend.control import keys

    secret = await keys.practice_key(service.store, service.clock(), service.ids())
    smtp, web = service.addresses.get("smtp"), service.addresses.get("web")
    here = f"http://{web[0]}:{web[1]}" if web else ""
    lines = [
        "",
        "Aftersend is running in the practice world: real servers, all on this machine, nothing leaves it.",
        "",
    ]
    if web:
        lines.append(f"  Console           {await way_in(service, here)}")
        lines.append(f"  API               {here}/")
    if smtp:
        lines.append(f"  SMTP submission   {smtp[0]}:{smtp[1]}  (STARTTLS, user “smtp”, password: the key)")
    lines += [
        f"  API key           {secret}",
        "",
        "Send a first mail and follow it, in another terminal:",
        "",
        f"  export AFTERSEND_URL={here} AFTERSEND_API_KEY={secret}",
        "  python3 dev.py run send --from you@example.com --to ann@one.practice.test --subject Hello --text Hi --wait",
        "",
        "“python3 dev.py run practice addresses” lists an address for everything that can happen to a mail. Ctrl-C ends it.",
        "",
    ]
    print("\n".join(lines), flush=True)
