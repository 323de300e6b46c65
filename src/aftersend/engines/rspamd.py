"""Speak with Rspamd: `POST /checkv2` of its worker, `/learnspam` and `/learnham` of its controller."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from aftersend.engines.opinion import TIME_LIMIT_S, Absent, Learned, Opinion, Symbol, heaviest_first
from aftersend.engines.shortening import short_enough

NAME = "rspamd"
CONNECTIONS = 4
ANSWER_MOST = 1024 * 1024
REFUSED_TO_LEARN = (204, 208)
"""No error: 204, its own conditions speak against learning this; 208, it was learned before."""
_KNOWN = re.compile(rb"already (?:been )?learned|skip learn")
"""What older versions say instead, with status 404."""


class _Symbol(msgspec.Struct):
    score: float = 0.0
    description: str = ""


class _Answer(msgspec.Struct):
    """As much of the answer as is used; the rest may change with every version."""

    score: float
    required_score: float
    action: str
    symbols: dict[str, _Symbol] = {}
    is_skipped: bool = False


class Rspamd:
    """An Rspamd on loopback; connections are kept."""

    name = NAME

    def __init__(self, url: str, *, controller: str = "", password: str = "", settings_id: str = "") -> None:
        """`url` is the scanning worker's (port 11333); without the `controller` (11334) it cannot be taught.

        `settings_id` names a block of its `settings.conf` to be used for what we send.
        """
        self._url = url.rstrip("/")
        self._controller = controller.rstrip("/")
        self._password = password
        self._settings_id = settings_id
        self._client: Any = None

    async def ask(
        self, message: bytes, *, sender: str, recipients: Sequence[str], time_limit_s: float = TIME_LIMIT_S
    ) -> Opinion | Absent:
        """Return its opinion of a message; the true envelope goes with it, for a wrong one costs points."""
        asked = [("From", sender), *(("Rcpt", recipient) for recipient in recipients[:50])]
        if self._settings_id:
            asked.append(("Settings-ID", self._settings_id))
        status, content, server = await self._post(f"{self._url}/checkv2", asked, short_enough(message), time_limit_s)
        if status is None:
            return Absent(NAME, content.decode())
        try:
            answer = msgspec.json.decode(content, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Absent(NAME, f"Rspamd at {self._url} answered with status {status} and no result.")
        if answer.is_skipped and answer.action == "no action":
            return Absent(NAME, "Rspamd is set up to pass this mail unread.")
        symbols = [Symbol(name, found.score, found.description[:300]) for name, found in answer.symbols.items()]
        version = server.removeprefix("rspamd/")
        return Opinion(
            NAME, answer.score, answer.required_score, answer.action, heaviest_first(symbols)[:100], version[:40]
        )

    async def teach(self, message: bytes, spam: bool) -> Learned | Absent:
        """Teach it; it keeps what it learns in its own statistics."""
        if not self._controller:
            return Absent(NAME, "Rspamd cannot be taught: the address of its controller is not set.")
        asked = [("Password", self._password)] if self._password else []
        target = f"{self._controller}/{'learnspam' if spam else 'learnham'}"
        status, content, _ = await self._post(target, asked, short_enough(message), TIME_LIMIT_S)
        if status is None:
            return Absent(NAME, content.decode())
        if status == 200 or status in REFUSED_TO_LEARN or _KNOWN.search(content):
            return Learned(NAME, status == 200)
        said = content[:200].decode("utf-8", "replace")
        return Absent(NAME, f"Rspamd at {self._controller} did not learn this: status {status}, {said}")

    async def _post(
        self, target: str, asked: Sequence[tuple[str, str]], message: bytes, time_limit_s: float
    ) -> tuple[int | None, bytes, str]:
        """(status, content, name of the server); no status, and the reason as the content, when there is no answer."""
        import httpx2

        if self._client is None:
            limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
            self._client = httpx2.AsyncClient(trust_env=False, limits=limits, timeout=None)
        headers = [(name.encode(), value.encode()) for name, value in asked if "\r" not in value and "\n" not in value]
        try:
            async with asyncio.timeout(time_limit_s):
                answer = await self._client.post(target, content=message, headers=headers)
        except TimeoutError:
            return None, f"Rspamd did not answer within {time_limit_s:g} seconds.".encode(), ""
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return None, f"Rspamd at {target} does not answer: {str(error)[:150] or type(error).__name__}.".encode(), ""
        return int(answer.status_code), bytes(answer.content[:ANSWER_MOST]), str(answer.headers.get("server", ""))

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
