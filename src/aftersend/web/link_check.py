"""Look whether the links of a message lead anywhere, when somebody asks for that.

Requests go through the guarded client and carry nothing but the link itself. Links by which somebody unsubscribes or is
counted are never followed, for that would do what they are for. No answer is not held against a link; “not found” is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aftersend.policy.score.duties import is_way_out
from aftersend.policy.score.finding import Found
from aftersend.policy.score.page import Link
from aftersend.policy.score.sample import Sample, shown
from aftersend.webhooks.client import Client, NoAnswer, Response
from aftersend.webhooks.guard import Allowance, Guard, Refused, Target, read

LINKS_MOST, AT_ONCE = 20, 5
WITHIN_S = 5.0
GONE = (404, 410)
COSTS, COST_MOST = 2.0, 8.0


def worth_checking(sample: Sample, never: Iterable[str]) -> list[str]:
    """Return the links that may be followed, each once; `never` are hosts of ours, whose links count or unsubscribe."""
    links: Sequence[Link] = sample.page.links if sample.page is not None else ()
    hosts = set(never)
    found: dict[str, None] = {}
    for link in links:
        url = link.url.partition("#")[0]
        if is_way_out(link) or "{" in url or "*|" in url:
            continue
        try:
            target = read(url)
        except Refused:
            continue
        if target.host not in hosts:
            found[url] = None
    return list(found)[:LINKS_MOST]


async def check(urls: Sequence[str], names: Any, allowance: Allowance, *, agent: str) -> tuple[list[Found], list[str]]:
    """Return what leads nowhere as a finding, and what could not be told, a sentence each."""

    async def look(host: str) -> Sequence[str]:
        return tuple((await names.addresses(host)).addresses)

    client = Client(Guard(look, Allowance(allowance.networks, http=True)), agent=agent)
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> str | None:
        async with limit:
            return await _trouble(client, names, read(url))

    try:
        troubles = await asyncio.gather(*map(one, urls))
    finally:
        await client.close()
    broken = [(url, why) for url, why in zip(urls, troubles, strict=True) if why]
    unknown = [url for url, why in zip(urls, troubles, strict=True) if why is None]
    found = []
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        points = min(COSTS * len(broken), COST_MOST)
        found.append(Found("broken-link", f"{shown(broken[0][0])}: {broken[0][1]}{more}", points=points))
    said = [f"Whether {shown(url)} leads anywhere could not be told." for url in unknown[:3]]
    return found, said


async def _trouble(client: Client, names: Any, target: Target) -> str | None:
    """Return why a link leads nowhere, empty if it leads somewhere, None when nobody can tell."""
    try:
        answer = await _asked(client, target)
    except Refused:
        if target.address is None and (await names.servers(target.host)).trouble == "no_such_domain":
            return "there is no such host"
        return None
    except NoAnswer:
        return None
    return f"the server says {answer.status}" if answer.status in GONE else ""


async def _asked(client: Client, target: Target) -> Response:
    """Ask for the head only; some servers know no HEAD, and are asked for the whole."""
    answer = await client.request("HEAD", target, {"accept": "*/*"}, within_s=WITHIN_S)
    if answer.status < 400:
        return answer
    return await client.request("GET", target, {"accept": "*/*"}, within_s=WITHIN_S)
