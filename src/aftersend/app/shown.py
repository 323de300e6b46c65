"""Own how settings are shown to people: what counts now, from where, what it means; secrets and passwords are left out."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import msgspec

from aftersend.config import Settings, docs

SECRETS = ("secret", "web.metrics_token")
PRACTISED = (
    "returns.listen", "suppression.soft_apart_hours", "delivery.port", "delivery.routes", "delivery.time_scale",
    "delivery.lifetime_hours", "tracking.listen", "tracking.url", "tracking.opt_out", "tracking.networks",
    "webhooks.allow_networks", "dns.server",
)  # fmt: skip
"""What the practice world sets by itself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting, as a person sees it."""

    name: str
    variable: str
    value: str
    """As in the file; secrets are only said to be set."""
    default: str
    origin: str
    """`default`, `variable`, `file`, or `practice` for what the practice world sets."""
    meaning: str


def shown(settings: Settings, environment: Container[str]) -> list[Shown]:
    """Return all settings in the order of docs/settings.md."""
    is_practice = any(name.endswith("practice.test") for name in settings.delivery.routes)
    tree = msgspec.to_builtins(settings)
    told = []
    for name, variable, default, meaning in docs():
        value = value_of(tree, name)
        text = msgspec.json.encode(veiled(name, value)).decode()
        origin = "file"
        if msgspec.json.encode(value).decode() == default:
            origin = "default"
        elif is_practice and name in PRACTISED:
            origin = "practice"
        elif variable in environment:
            origin = "variable"
        told.append(Shown(name, variable, text, default, origin, meaning))
    return told


def value_of(tree: dict[str, Any], name: str) -> Any:
    """Return the value under a dotted name."""
    for part in name.split("."):
        tree = tree[part]
    return tree


def veiled(name: str, value: Any) -> Any:
    """Leave out what must not be read over a shoulder: the secret, and passwords in addresses."""
    if name in SECRETS:
        return "(set)" if value else ""
    if isinstance(value, dict):
        return {key: _without_password(str(text)) for key, text in value.items()}
    return _without_password(value) if isinstance(value, str) else value


def _without_password(text: str) -> str:
    head, scheme, rest = text.partition("://")
    user, at, place = rest.rpartition("@")
    if not scheme or not at or ":" not in user:
        return text
    return f"{head}://{user.partition(':')[0]}:…@{place}"
