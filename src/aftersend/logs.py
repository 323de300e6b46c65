"""Set up logging once: one line an event, short and coloured on a terminal, JSON elsewhere (conventions: fixed event names)."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import MutableMapping
from functools import partial
from typing import Any

ADDRESSES = ("recipient", "to", "sender")


class Logger:
    """A room's logger. It loads structlog at its first line: a start without trouble does not pay for it."""

    settings: tuple[str, str, str, str] | None = None

    def __init__(self, room: str) -> None:
        self._room = room
        self._real: Any = None

    def __getattr__(self, level: str) -> Any:
        if self._real is None:
            import structlog

            if Logger.settings is not None and not structlog.is_configured():
                _configure(*Logger.settings)
            self._real = structlog.get_logger(room=self._room)
        return getattr(self._real, level)


def set_up(*, form: str, level: str, addresses: str, node: str) -> None:
    """Say how lines are to look; `form` empty means text on a terminal, JSON otherwise. Takes effect at the first line."""
    Logger.settings = (form, level, addresses, node)


def _configure(form: str, level: str, addresses: str, node: str) -> None:
    import structlog

    form = form or ("text" if sys.stderr.isatty() else "json")
    renderers: dict[str, Any] = {
        # Plain tracebacks: others print the values of variables, and those may be secrets or people's addresses.
        "text": partial(structlog.dev.ConsoleRenderer, exception_formatter=structlog.dev.plain_traceback),
        "json": structlog.processors.JSONRenderer,
        "logfmt": structlog.processors.LogfmtRenderer,
    }
    renderer = renderers[form]()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _hidden(addresses),
            _named(node),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")


def _named(node: str) -> Any:
    def add(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["node"] = node
        return line

    return add


def _hidden(how: str) -> Any:
    def hide(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if how != "full":
            for name in ADDRESSES:
                if isinstance(line.get(name), str):
                    line[name] = _veiled(line[name], how)
        return line

    return hide


def _veiled(address: str, how: str) -> str:
    _, at, domain = address.rpartition("@")
    if how == "domain":
        return f"…@{domain}" if at else "…"
    return hashlib.sha256(address.lower().encode()).hexdigest()[:12]
