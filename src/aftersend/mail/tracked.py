"""Say what becomes of HTML that is tracked: which links get a slot, where the picture goes, where people can opt out.

One value for each message; it gathers where its links lead, by number. The slots are filled for each recipient; one that
is not filled shows the link that stood there before. Knows nothing of tokens.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aftersend.mail import links
from aftersend.mail.compiled import FOLDED, Insertion, Piece, Slot, Whole

CLICK, PICTURE, COUNTED, OPT_OUT, PREFERENCES, LIST_FIELD = "_c", "_o", "_d", "_u", "_p", "_l"
"""Names of slots; behind CLICK stands the number of the link. COUNTED is a picture that only tells the day."""
LINKS_MOST = 1000
URL_TAGS = {"unsubscribe_url": OPT_OUT, "preferences_url": PREFERENCES}
"""Merge tags of ours, and the slots that they become."""
ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_URL_TAG = re.compile(rb"\{\{\s{0,9}(unsubscribe_url|preferences_url)\s{0,9}\}\}")


class Target(NamedTuple):
    """Where a tracked link leads."""

    number: int
    url: str
    text: str


class Tracker:
    """Rewrites the texts of one message, and gathers its links."""

    def __init__(self, *, opens: bool, clicks: bool, is_counted: bool = False) -> None:
        self._picture = COUNTED if is_counted else PICTURE
        self._opens = opens
        self._clicks = clicks
        self._has_picture = False
        self.targets: list[Target] = []

    def rewrite(self, text: bytes, is_html: bool) -> list[Insertion]:
        """Return what is to be replaced in a text: links, the place of the picture, tags for opting out."""
        insertions = []
        if b"_url" in text:
            insertions += [
                Insertion(*found.span(), Slot(URL_TAGS[found[1].decode()], otherwise=found[0].decode()))
                for found in _URL_TAG.finditer(text)
            ]
        if not is_html or not (self._opens or self._clicks):
            return insertions
        found = links.read(text)
        if self._clicks:
            insertions += [each for link in found.links if (each := self._link(text, link)) is not None]
        if self._opens and not self._has_picture:
            self._has_picture = True
            insertions.append(Insertion(found.pixel, found.pixel, Slot(self._picture, otherwise="")))
        return insertions

    def _link(self, text: bytes, link: links.Link) -> Insertion | None:
        written = text[link.start : link.end]
        if len(self.targets) >= LINKS_MOST or _URL_TAG.search(written):
            return None
        number = len(self.targets) + 1
        self.targets.append(Target(number, link.url, link.text))
        return Insertion(link.start, link.end, Slot(f"{CLICK}{number}", instead=(written.decode(),)))


def list_fields() -> list[Piece]:
    """Return the header fields by which a mail program offers to opt out with one click (RFC 2369, RFC 8058)."""
    return [Whole((Slot(LIST_FIELD, otherwise="<>"),), FOLDED, "List-Unsubscribe"), ONE_CLICK]
