"""Say where a verb works: on the store of this machine, or over the HTTP API of a running service."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from aftersend.cli.here import Here
    from aftersend.cli.there import There

F = TypeVar("F", bound=Callable[..., Any])
URL, KEY = "AFTERSEND_URL", "AFTERSEND_API_KEY"


def config_option(function: F) -> F:
    """Add `--config`."""
    option = click.option(
        "--config", metavar="FILE", help="The settings, TOML. Else the one that AFTERSEND_CONFIG names."
    )
    return option(function)


def here_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb the store of this machine as its first argument; add `--config` and `--account`."""

    @config_option
    @click.option("--account", metavar="NAME", help="The account that is meant, by name or number. Else the first.")
    @functools.wraps(function)
    def placed(config: str | None, account: str | None, **options: Any) -> Any:
        with contextlib.closing(_here(config, account)) as here:
            return function(here, **options)

    return placed


def place_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb, as its first argument, the service that AFTERSEND_URL names, or the store of this machine."""

    @config_option
    @click.option("--account", metavar="NAME", help="The account that is meant, on the store of this machine.")
    @click.option("--local", is_flag=True, help=f"Work on the store of this machine, also when {URL} is set.")
    @functools.wraps(function)
    def placed(config: str | None, account: str | None, local: bool, **options: Any) -> Any:
        is_here = local or account or not os.environ.get(URL)
        with contextlib.closing(_here(config, account) if is_here else there()) as place:
            return function(place, **options)

    return placed


def there() -> There:
    """Return the service that the environment names."""
    from aftersend.cli.there import There

    return There(os.environ.get(URL, ""), os.environ.get(KEY))


def _here(config: str | None, account: str | None) -> Here:
    from aftersend.cli.here import Here

    return Here(config, account)
