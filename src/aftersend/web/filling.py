"""Fill the merge tags of a text without keeping anybody else waiting.

What needs the template engine is rendered in another process, which may take seconds over what a customer wrote to take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aftersend.mail import tags

_WAITING = ThreadPoolExecutor(2, "filling")
"""Threads of its own: whoever waits for templates takes none from those who do not."""


async def filled(source: str, data: Mapping[str, Any], *, is_html: bool = False) -> str:
    """As `tags.fill`. Raise Undefined, CannotRender, TryLater."""
    if tags.parse(source) is not None:
        return tags.fill(source, data, is_html=is_html)
    return await asyncio.get_running_loop().run_in_executor(_WAITING, lambda: tags.fill(source, data, is_html=is_html))
