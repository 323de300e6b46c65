"""Find the domain that somebody meant who misspelled a large provider's.

Better silent than wrong: names of real providers are never corrected, nor names that differ in their first letter, for
those are mostly somebody else's (`mail.com`, `ymail.com`). Nothing is asked of the DNS; who can ask should also see
whether the domain takes mail at all.
"""

from __future__ import annotations

from functools import lru_cache

from aftersend.policy.score.providers import LARGE, REAL

NAME_LEAST = 4
"""Shorter names (`aol`, `gmx`, `web`) are each other's neighbours; of these only endings and doubled letters are mended."""
TWO_FROM = 8
"""From this length of a name on two slips are believed."""
_ENDINGS = {
    "com": [
        "con",
        "cm",
        "om",
        "cmo",
        "ocm",
        "comm",
        "coom",
        "vom",
        "xom",
        "cim",
        "cpm",
        "col",
        "c0m",
        "co",
        "cok",
        "coml",
        "comn",
        "ccom",
        "com0",
        "dom",
        "cxm",
        "clm",
        "cn",
        "comb",
        "come",
        "cop",
    ],
    "net": ["ner", "nte", "ent", "met", "nett", "nrt", "ne", "bet", "nt", "neet", "het"],
    "de": ["ded", "dd", "dee", "d", "se", "ed", "ds"],
    "org": ["ogr", "orgg", "og", "or", "rog"],
    "fr": ["ff", "frr", "f", "rf", "gr"],
    "it": ["itt", "i", "ti"],
    "co.uk": ["co.ul", "co.ik", "couk", "co.k", "c.uk", "co.u", "co.ukk", "com.uk", "cou.k", "co.um", "cu.uk"],
}
"""How endings are misspelled; for names that are known, right or nearly right."""
_MISSPELLED = {
    "gmail.co": "gmail.com", "gmail.cm": "gmail.com", "gmail": "gmail.com", "hotmail": "hotmail.com", "yahoo": "yahoo.com",
    "outlook": "outlook.com", "icloud": "icloud.com", "hotmail.cm": "hotmail.com", "hotmail.co": "hotmail.com",
    "yahoo.cm": "yahoo.com", "yahoo.co": "yahoo.com", "outlook.cm": "outlook.com", "icloud.co": "icloud.com",
    "gmail.net": "gmail.com", "gmail.org": "gmail.com", "gmail.fr": "gmail.com", "gmail.it": "gmail.com",
    "gmail.es": "gmail.com", "gmail.co.uk": "gmail.com", "gmail.com.br": "gmail.com", "gmail.nl": "gmail.com",
    "fmail.com": "gmail.com", "g.mail.com": "gmail.com", "gmail.com.com": "gmail.com", "wwwgmail.com": "gmail.com",
    "www.gmail.com": "gmail.com", "icloud.net": "icloud.com", "icloud.de": "icloud.com", "jotmail.com": "hotmail.com",
    "htmail.com": "hotmail.com", "ahoo.com": "yahoo.com", "uahoo.com": "yahoo.com", "tahoo.com": "yahoo.com",
    "aol.cm": "aol.com", "ail.com": "aol.com", "aol.co": "aol.com", "gmx.d": "gmx.de", "web.d": "web.de", "wed.de": "web.de",
    "gnx.de": "gmx.de", "gmc.de": "gmx.de", "gms.de": "gmx.de", "gmx.ed": "gmx.de", "wbe.de": "web.de", "we.de": "web.de",
    "gmail.om": "gmail.com", "utlook.com": "outlook.com", "iutlook.com": "outlook.com", "putlook.com": "outlook.com",
    "otmail.com": "hotmail.com", "cloud.con": "icloud.com", "mail.con": "mail.com", "msn.cm": "msn.com", "msn.co": "msn.com",
    "t-online.com": "t-online.de", "tonline.de": "t-online.de", "yahoo.uk": "yahoo.co.uk", "hotmail.uk": "hotmail.co.uk",
}  # fmt: skip
"""Misspellings seen so often that they need no rule, and those that no rule would dare."""
_LETTERS = dict.fromkeys(map(ord, "abcdefghijklmnopqrstuvwxyz"))
_NAMES: dict[str, list[str]] = {}
for _domain in LARGE:
    _name, _, _ending = _domain.partition(".")
    _NAMES.setdefault(_name, []).append(_ending)


@lru_cache(maxsize=65_536)
def suggest(domain: str) -> str | None:
    """Return the provider's domain that this one most likely misspells; None if it is right, or nobody can tell."""
    domain = domain.strip().lower().rstrip(".")
    if domain in REAL:
        return None
    known = _MISSPELLED.get(domain)
    if known is not None:
        return known
    name, _, ending = domain.partition(".")
    if name in _NAMES:
        return _right_name(name, ending)
    return _near(domain)


def _right_name(name: str, ending: str) -> str | None:
    """The name is a provider's: is the ending a slip of one that the provider has?"""
    own = _NAMES[name]
    for right in own:
        if ending in _ENDINGS.get(right, ()) and f"{name}.{ending}" not in REAL:
            return f"{name}.{right}"
    if name in ("gmail", "icloud") and ending and len(ending) <= 4 and distance(ending, "com", 2) <= 2:
        return f"{name}.com"
    near = [right for right in own if len(right) > 2 and "." not in ending and distance(ending, right, 1) == 1]
    return f"{name}.{near[0]}" if near else None


def _near(domain: str) -> str | None:
    """Return the largest provider within reach: one slip, two in long names."""
    best: tuple[int, int, str] | None = None
    for place, provider in enumerate(LARGE):
        if not domain or domain[0] != provider[0] or abs(len(domain) - len(provider)) > 2:
            continue
        slips = _slips(domain, provider)
        if slips is not None and (best is None or (slips, place) < best[:2]):
            best = (slips, place, provider)
    return best[2] if best else None


def _slips(domain: str, provider: str) -> int | None:
    """How many slips lie between them; None if more than are believed."""
    name, _, ending = provider.partition(".")
    if len(name) < NAME_LEAST:
        return 1 if domain in {f"{name[:at]}{name[at]}{name[at:]}.{ending}" for at in range(len(name))} else None
    own, _, own_ending = domain.partition(".")
    if own.translate(_LETTERS) and not name.translate(_LETTERS):
        return None  # digits and hyphens are put in on purpose: another company's name
    if own_ending != ending and own_ending in _ENDINGS.get(ending, ()):
        within = distance(own, name, 1)
        return within + 1 if within == 1 else None
    believed = 2 if len(name) >= TWO_FROM or name in ("hotmail", "outlook", "comcast", "verizon", "rediff") else 1
    if own_ending == ending:
        slips = distance(own, name, believed)
        if slips == 2 and (abs(len(own) - len(name)) > 1 or (len(name) < TWO_FROM and own[-1] != name[-1])):
            return None
        return slips if 0 < slips <= believed else None
    return 1 if distance(domain, provider, 1) == 1 else None


def distance(one: str, other: str, most: int) -> int:
    """Count the slips between two words (a letter too many, too few, wrong, or two swapped), `most` + 1 if there are more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return most + 1
        before, last = last, now
    return min(last[-1], most + 1)
