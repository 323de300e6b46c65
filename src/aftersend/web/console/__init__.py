"""The console: pages on which people see what happened to their mail, and do something about it. Made on the server, of the same
functions that answer the API; works without script."""

from __future__ import annotations

from aftersend.web.console.pages import PAGES
from aftersend.web.console.serving import Console
from aftersend.web.desk import Desk


def console(desk: Desk) -> Console:
    """Return the console as an application for what lies below /console."""
    return Console(desk, PAGES, is_practice=desk.rules.is_practice)


__all__ = ["PAGES", "Console", "console"]
