"""Visit what a message links to, as a reader, a scanner or a proxy does: real HTTP requests from addresses of their own.

Only links that begin as told are followed, so that nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes
from email.policy import compat32
from html import unescape
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog

from aftersend.practice.behaviours import APPLE, GMAIL, Later, Then

log = structlog.get_logger(room="practice")

TIMEOUT_S = 15.0
HOME, SECURITY, APPLE_RELAY, GOOGLE = 60, 66, 67, 68
"""The last octets of the addresses that visitors come from."""
_PICTURE = re.compile(rb"""<img[^>]*?\bsrc\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_LINK = re.compile(rb"""<a\s[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)


def networks(network: str) -> dict[str, str]:
    """Say whose the addresses are, as the setting `tracking.networks` does."""
    return {
        f"{network}.{HOME}/32": "residential Practice Telecom",
        f"{network}.{SECURITY}/32": "security_vendor Practice Mail Security",
        f"{network}.{APPLE_RELAY}/32": "apple_relay Practice Relay",
        f"{network}.{GOOGLE}/32": "google_proxy Practice Proxy",
    }


class Found(NamedTuple):
    """What a message links to, as far as it may be followed."""

    pictures: list[str]
    links: list[str]
    opt_out: str
    """The link of List-Unsubscribe, or ""."""
    is_one_click: bool


def links_in(content: bytes, prefix: str) -> Found:
    """Read a message as its recipient's program does."""
    message = message_from_bytes(content, policy=compat32)
    pictures: list[str] = []
    links: list[str] = []
    for part in message.walk():
        if part.get_content_type() == "text/html":
            html = part.get_payload(decode=True)
            assert isinstance(html, bytes)
            pictures += _ours(_PICTURE.findall(html), prefix)
            links += _ours(_LINK.findall(html), prefix)
    field = str(message.get("List-Unsubscribe", ""))
    named = [each for each in re.findall(r"<([^>]+)>", field) if each.startswith(prefix)]
    one_click = "one-click" in str(message.get("List-Unsubscribe-Post", "")).lower()
    return Found(pictures, links, named[0] if named else "", one_click)


def _ours(found: list[bytes], prefix: str) -> list[str]:
    urls = [unescape(each.decode("utf-8", "replace")) for each in found]
    return [url for url in urls if url.startswith(prefix)]


async def visit(content: bytes, later: Later, *, prefix: str, network: str) -> None:
    """Do what a visitor does with one message."""
    found = links_in(content, prefix)
    try:
        await _DEEDS[later.what](found, later.agent, network)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        log.warning("visit_failed", what=later.what.value, error=str(error))


async def _open(found: Found, agent: str, network: str) -> None:
    for url in found.pictures:
        await request("GET", url, agent, f"{network}.{HOME}")


async def _read(found: Found, agent: str, network: str) -> None:
    """Keep it open: the mail program waits for the picture and follows where it is sent."""
    for url in found.pictures:
        there = url
        for _ in range(3):
            status, location = await request("GET", there, agent, f"{network}.{HOME}")
            if status != 302 or not location:
                break
            there = location if "://" in location else f"{url[: url.index('/', 8)]}{location}"


async def _click(found: Found, agent: str, network: str) -> None:
    links = [url for url in found.links if "/u/" not in url and "/p/" not in url]
    if links:
        await request("GET", links[0], agent, f"{network}.{HOME}")


async def _unsubscribe(found: Found, agent: str, network: str) -> None:
    if found.opt_out and found.is_one_click:
        await request("POST", found.opt_out, agent, f"{network}.{HOME}", b"List-Unsubscribe=One-Click")


async def _scan(found: Found, agent: str, network: str) -> None:
    """Fetch everything, follow everything, press everything that a GET can press."""
    everything = [*found.pictures, *found.links, *([found.opt_out] if found.opt_out else [])]
    for url in everything:
        await request("HEAD", url, agent, f"{network}.{SECURITY}")
    await asyncio.gather(*(request("GET", url, agent, f"{network}.{SECURITY}") for url in everything))


async def _proxy(found: Found, agent: str, network: str) -> None:
    place = {APPLE: APPLE_RELAY, GMAIL: GOOGLE}.get(agent, HOME)
    for url in found.pictures:
        await request("GET", url, agent, f"{network}.{place}")


_DEEDS = {
    Then.OPEN: _open,
    Then.READ: _read,
    Then.CLICK: _click,
    Then.UNSUBSCRIBE: _unsubscribe,
    Then.SCAN: _scan,
    Then.PROXY_OPEN: _proxy,
}


async def request(method: str, url: str, agent: str, source: str, body: bytes = b"") -> tuple[int, str]:
    """Make one request from an address; return its status and where it sends on. Raises OSError or TimeoutError."""
    parts = urlsplit(url)
    opening = asyncio.open_connection(parts.hostname, parts.port or 80, local_addr=(source, 0))
    reader, writer = await asyncio.wait_for(opening, TIMEOUT_S)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        head = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", f"User-Agent: {agent}", "Connection: close"]
        if agent not in (APPLE, GMAIL):
            head.append("Accept-Language: en-GB,en;q=0.8")
        if body:
            head += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        said = (await asyncio.wait_for(reader.read(64 * 1024), TIMEOUT_S)).decode("latin-1")
    finally:
        writer.close()
    first, _, rest = said.partition("\r\n")
    location = re.search(r"^location: *(.*?)\r?$", rest.partition("\r\n\r\n")[0], re.IGNORECASE | re.MULTILINE)
    status = first.split(" ")[1:2]
    return (int(status[0]) if status and status[0].isdigit() else 0), location[1] if location else ""
