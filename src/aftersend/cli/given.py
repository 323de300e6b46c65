"""Own how words are given to a verb: as they are, from a file (`@FILE`), or from standard input (`-`). All options for words
that may be long read them in this one way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

METAVAR = "TEXT|@FILE"
_TAKEN = "aftersend.given.standard_input"


class Words(click.ParamType[str]):
    """Words as they are; `@FILE` reads a file, `-` standard input, `@@` begins words with an @."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the words. Files and standard input are read as UTF-8."""
        text = str(value)
        if text == "-":
            return self._standard_input(param, ctx)
        if text.startswith("@@"):
            return text[1:]
        if text.startswith("@"):
            return self._file(text[1:], param, ctx)
        if _is_file(text):
            self.fail(f"{text!r} is a file. To read it, write @{text}", param, ctx)
        return text

    def _file(self, name: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            self.fail(f"{name} is not UTF-8.", param, ctx)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "this is no name of a file"
            self.fail(f"{name!r} cannot be read: {why}. Words that begin with an @ are written with @@.", param, ctx)

    def _standard_input(self, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ctx is not None and ctx.meta.setdefault(_TAKEN, param) is not param:
            self.fail("standard input can only be read once.", param, ctx)
        return sys.stdin.read()


def _is_file(text: str) -> bool:
    """Say whether words are nothing but the name of a file that is there: somebody forgot the @."""
    if not text or len(text) > 255 or any(sign.isspace() or sign in "<>" for sign in text):
        return False
    try:
        return "." in text and Path(text).is_file()
    except (OSError, ValueError):
        return False


WORDS = Words()
