"""The words of a search as options, the same as in the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from aftersend.reports.search import WORDS

F = TypeVar("F", bound=Callable[..., Any])
_METADATA = "metadata.NAME"


def word_options(known: Sequence[str] = tuple(WORDS)) -> Callable[[F], F]:
    """Add an option for each of these words of a search; given several times it means or."""

    def add(function: F) -> F:
        for word in reversed(known):
            is_metadata = word == _METADATA
            option = click.option(
                "--metadata" if is_metadata else "--" + word.replace("_", "-"),
                "metadata" if is_metadata else word,
                metavar="NAME=VALUE" if is_metadata else "VALUE",
                multiple=True,
                help=f"{WORDS[word][0].upper()}{WORDS[word][1:]}.",
            )
            function = option(function)
        return function

    return add


def take_words(options: dict[str, Any]) -> list[tuple[str, str]]:
    """Take the words of a search out of a verb's options, as pairs."""
    words: list[tuple[str, str]] = []
    for word in WORDS:
        if word == _METADATA:
            for text in options.pop("metadata", ()):
                name, equals, value = text.partition("=")
                if not equals:
                    raise click.UsageError(f"--metadata takes NAME=VALUE, not {text!r}.")
                words.append((f"metadata.{name}", value))
        else:
            words += [(word, value) for value in options.pop(word, ())]
    return words


def ids_as_words(targets: Sequence[str]) -> list[tuple[str, str]]:
    """Turn ids into words of a search: dlv_… a delivery, msg_… a message."""
    kinds = {"dlv": "delivery_id", "msg": "message_id"}
    words = []
    for target in targets:
        kind = kinds.get(target.partition("_")[0])
        if kind is None:
            raise click.UsageError(f"{target!r} is neither a delivery (dlv_…) nor a message (msg_…).")
        words.append((kind, target))
    return words
