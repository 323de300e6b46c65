"""The wiring of webhooks: who tells events to them, what signs, who is told when one is paused."""

from __future__ import annotations

import random
from typing import Any

from aftersend import ids
from aftersend.app.service import Service
from aftersend.clock import Instant
from aftersend.config import Settings
from aftersend.errors import AftersendError
from aftersend.logs import Logger

log = Logger("app")


def guard(settings: Settings, resolver: Any) -> Any:
    """Return what decides whether a URL may be asked."""
    from aftersend.webhooks.client import by_resolver
    from aftersend.webhooks.guard import Allowance, Guard

    chosen = settings.webhooks
    return Guard(by_resolver(resolver), Allowance.of(chosen.allow_networks))


def start_webhooks(service: Service) -> None:
    """Serve the webhooks."""
    from aftersend import __version__
    from aftersend.control import hooks as control
    from aftersend.reports import stream
    from aftersend.store.hooks import Hook
    from aftersend.webhooks.client import Client
    from aftersend.webhooks.loop import Webhooks
    from aftersend.webhooks.sending import Tools

    def keys_of(hook: Hook, now: Instant) -> list[bytes]:
        return control.keys_of(service.secret, hook, now)

    async def paused(hook: Hook, why: str) -> None:
        if hook.owner:
            _write_to_owner(service, hook, why)

    tools = Tools(
        service.store,
        service.clock,
        service.ids,
        service.node,
        Client(service.guard, agent=f"Aftersend/{__version__}"),
        stream,
        keys_of,
        random.random,
        paused,
    )
    webhooks = Webhooks(tools)
    service.webhooks = tools
    service.spawn(webhooks.run())
    service.closers.append(webhooks.stop)


def _write_to_owner(service: Service, hook: Any, why: str) -> None:
    """Tell the owner by mail that a webhook was paused; nothing is lost, and how to go on."""
    from aftersend.intake.accept import Origin, Recipient, Request
    from aftersend.mail import address, dates

    shown, hostname = ids.show("whk", hook.id), service.settings.hostname
    try:
        to = address.parse(hook.owner)
        text = (
            f"The webhook {hook.name} ({shown}) was paused.\r\n\r\n{why}\r\n\r\n"
            "No event is lost: all that happens is kept, and is sent in order once the webhook goes on.\r\n"
            f"When the endpoint is mended: aftersend webhook resume {shown}\r\n"
            f"(POST /v1/webhooks/{shown}/resume). What failed, and why: aftersend webhook attempts {shown}\r\n"
        )
        header = (
            f"From: Aftersend <postmaster@{hostname}>\r\nTo: <{to}>\r\n"
            f"Subject: Webhook {shown} is paused\r\nDate: {dates.rfc5322(service.clock())}\r\n"
            f"Message-ID: <{ids.show('msg', service.ids())}@{hostname}>\r\nAuto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        )
        request = Request(
            Origin(hook.account_id, "report", "", hostname),
            "",
            [Recipient(str(to), to.folded, to.domain)],
            f"{header}\r\n{text}".encode(),
        )
        service.intake.accept(request).add_done_callback(_heard)
    except (AftersendError, ValueError) as error:
        log.warning("owner_not_told", webhook_id=shown, error=str(error))


def _heard(done: Any) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.warning("owner_not_told", error=str(error))
