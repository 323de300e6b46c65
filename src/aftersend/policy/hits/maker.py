"""Name the program and the network behind a hit, by the tables and by what the hit says of itself."""

from __future__ import annotations

import re
from functools import lru_cache

from aftersend.policy.hits.hit import Hit, Recipient
from aftersend.policy.hits.tables import Known, rows

NOBODY = Known("", "")
ACCESS = frozenset({"residential", "mobile", "corporate", "education"})
"""Networks where people are."""
_CLASSES = {
    "cloud_hosting": "hosting",
    "vpn": "hosting",
    "google_proxy": "google",
    "google_other": "google",
    "yahoo_proxy": "yahoo",
    "apple_relay": "relay",
}
_CHROME = re.compile(r"Chrome/(\d{1,4})\.")
_CHROME_OLDEST = 100
"""Browsers renew themselves; one that is years old is kept by a program."""
_BARE_WEBKIT = "(khtml, like gecko)"
_PLATFORMS = (
    ("iphone", "iOS"),
    ("ipad", "iOS"),
    ("android", "Android"),
    ("windows", "Windows"),
    ("macintosh", "macOS"),
    ("cros", "Chrome OS"),
    ("linux", "Linux"),
)


@lru_cache(4096)
def agent(ua: str | None) -> Known:
    """Name a program by its user agent; NOBODY for an ordinary browser."""
    if not ua or not ua.strip():
        return Known("empty", "no user agent")
    if ua == "Mozilla/5.0":
        return Known("bare", "the bare user agent of Apple Mail Privacy Protection")
    low = ua.lower() + " "
    for word, known in rows("agents"):
        if word in low:
            return known
    if "http://" in low or "https://" in low:
        return Known("crawler", "a program that names its page")
    chrome = _CHROME.search(ua)
    if chrome and int(chrome[1]) < _CHROME_OLDEST:
        return Known("outdated", f"Chrome {chrome[1]}, years old")
    if low.rstrip().endswith(_BARE_WEBKIT) or ("mobile/" in low and "version/" not in low and "iphone" in low):
        return Known("webkit", "a mail program on WebKit")
    if "mozilla/" not in low:
        return Known("unnamed", "a program that is no browser")
    return NOBODY


def network(hit: Hit) -> Known:
    """Name the network of a hit: a security vendor's before all else, then what the hit is classed as."""
    found = _network(hit.asn, hit.as_name, hit.rdns)
    if found.kind == "security_vendor" or hit.ip_class == "security_vendor":
        return Known("security_vendor", found.name or hit.as_name or "a mail security vendor")
    if hit.ip_class in ACCESS:
        return Known("access", f"a {hit.ip_class} network")
    kind = _CLASSES.get(hit.ip_class, hit.ip_class)
    if kind == "unknown":
        return found
    return Known(kind, found.name or hit.as_name or hit.ip_class.replace("_", " "))


@lru_cache(4096)
def _network(asn: int | None, as_name: str | None, rdns: str | None) -> Known:
    number, names = str(asn), f"{as_name or ''} {rdns or ''}".lower()
    least = NOBODY
    for word, known in rows("networks"):
        if word == number or (not word.isdigit() and word in names):
            if known.kind == "security_vendor":
                return known
            least = least if least.kind else known
    return least


def exchanger(recipient: Recipient) -> Known:
    """Name who takes a recipient's mail in, if that is one who looks at it; NOBODY otherwise."""
    found = _network(None, f"{recipient.mx_class} {recipient.mx}", None)
    return found if found.kind in ("security_vendor", "microsoft") else NOBODY


def platform(ua: str) -> str:
    """Return the system that a user agent names, in the words of Sec-CH-UA-Platform; "" if none."""
    low = ua.lower()
    return next((name for word, name in _PLATFORMS if word in low), "")


def family(ua: str) -> str:
    """Return the browser's family, so that two hits of one device look alike after an update."""
    low = ua.lower()
    for word, name in (("edg", "edge"), ("firefox/", "firefox"), ("chrome/", "chrome"), ("safari/", "safari")):
        if word in low:
            return name
    return low[:40]
