"""What a verb said, and a service for verbs to talk to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass
class Said:
    """What a verb printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects printed with `--json`."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


Run = Callable[..., Said]


@dataclass
class Running:
    """A service in the practice world."""

    url: str
    key: str
    folder: str
