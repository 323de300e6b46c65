"""Own the languages of the console: catalogues in the form of gettext (`locale/LANGUAGE.po`), read as they stand, so that nothing
has to be compiled and nothing can be older than its source; and which of them a person gets."""

from __future__ import annotations

import ast
import gettext
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "de": "Deutsch"}
"""Languages that can be chosen, each by its own name. English needs no catalogue: it is what the templates say."""
DEFAULT = "en"


class Catalogue(gettext.NullTranslations):
    """The sentences of one language; what has none stays English."""

    def __init__(self, sentences: dict[str, str]) -> None:
        super().__init__()
        self.sentences = sentences

    def gettext(self, message: str) -> str:
        """Return the sentence in this language."""
        return self.sentences.get(message) or message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the sentence for a number; the catalogues have one entry for each form."""
        return self.gettext(msgid1 if n == 1 else msgid2)


@cache
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of a language; an empty one for English."""
    place = FOLDER / f"{language}.po"
    return Catalogue(read(place.read_text("utf-8")) if language in LANGUAGES and place.exists() else {})


def read(text: str) -> dict[str, str]:
    """Read a catalogue: `msgid` and `msgstr`, each over as many lines as it likes. Raise ValueError for what is neither."""
    found: dict[str, str] = {}
    parts = {"msgid": "", "msgstr": ""}
    at = ""

    def keep() -> None:
        if parts["msgid"]:
            if parts["msgid"] in found:
                raise ValueError(f"{parts['msgid']!r} stands there twice.")
            found[parts["msgid"]] = parts["msgstr"]

    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "msgid":
            keep()
            parts = {"msgid": "", "msgstr": ""}
        if word in parts:
            at = word
        else:
            rest = line
        if not at or not rest.startswith('"'):
            raise ValueError(f"Line {number} is no part of a catalogue: {line}")
        parts[at] += ast.literal_eval(rest)
    keep()
    return found


def wanted(accepted: str) -> str:
    """Return the language that a browser likes best among ours (Accept-Language, RFC 9110 §12.5.4)."""
    ranked: list[tuple[float, str]] = []
    for item in accepted[:500].split(","):
        tag, _, weight = item.strip().partition(";")
        name = tag.strip().lower().partition("-")[0]
        if name in LANGUAGES:
            ranked.append((_weight(weight), name))
    ranked = [one for one in ranked if one[0] > 0]
    return max(ranked, key=lambda one: one[0])[1] if ranked else DEFAULT


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
