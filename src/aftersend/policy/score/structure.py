"""Check how the message is built: what mail programs cut, hide, warn of, or cannot show."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from aftersend.policy.score.facts import Sending
from aftersend.policy.score.finding import Found
from aftersend.policy.score.page import Image, Link, Page
from aftersend.policy.score.sample import Sample, shown

CLIPPED_AT, LARGE_AT = 102_400, 80 * 1024
FILES_LARGE = 2 * 1024 * 1024
FEW_WORDS, IMAGE_SHARE = 100, 0.6
WORD_AREA, UNKNOWN_AREA = 960.0, 40_000.0
"""Square pixels: about what a word of 16 px takes, and an image whose size nobody says."""
PIXEL_AREA = 16.0
DOMAINS_MOST = 8
INLINE_MOST = 20 * 1024
ALT_MOST, INSECURE_MOST = 4, 3
_SHORTENERS = (
    "bit.ly bitly.com tinyurl.com goo.gl t.co ow.ly is.gd v.gd buff.ly rebrand.ly cutt.ly shorturl.at rb.gy t.ly tiny.cc bl.ink"
    " s.id short.io lnkd.in dlvr.it adf.ly bc.vc soo.gd clck.ru u.to qr.ae x.co shorte.st ouo.io tr.im snip.ly po.st han.gl"
    " surl.li urlz.fr n9.cl acortar.link shorturl.gg tinyurl.app"
)
SHORTENERS = frozenset(_SHORTENERS.split())
_DANGEROUS = (
    "ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab dll dmg ex ex_ exe hta img ins iso isp jar jnlp js jse lib"
    " lnk mde mjs msc msi msix msixbundle msp mst nsh pif ps1 scr sct shb sys vb vbe vbs vhd vxd wsc wsf wsh xll"
)
DANGEROUS = frozenset(_DANGEROUS.split())
"""Endings of files that Gmail refuses; Outlook refuses these and more."""
_SECOND_LEVEL = frozenset(("co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go", "gob"))
_SHOWN_HOST = re.compile(r"(?:https?://)?((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,20})(?:[/?#:]\S*)?$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{4,}")


def check(sample: Sample, sending: Sending) -> Iterator[Found]:
    """Yield what is wrong with the structure."""
    page = sample.page
    if page is not None:
        yield from _size(sample, page, sending)
        yield from _text(sample, page)
        yield from _images(page)
        yield from _links(page)
        yield from _reading(page)
    yield from _files(sample)


def _size(sample: Sample, page: Page, sending: Sending) -> Iterator[Found]:
    size = sample.html_bytes
    if sending.link_length:
        size += sum(max(0, sending.link_length - len(link.url)) for link in page.links)
    if size > CLIPPED_AT:
        yield Found("html-clipped", f"{size:,} bytes" + (" with tracked links" if size != sample.html_bytes else ""))
    elif size > LARGE_AT:
        yield Found("html-large", f"{size:,} bytes")


def _text(sample: Sample, page: Page) -> Iterator[Found]:
    text = sample.text or ""
    if len(text.split()) < 3:
        yield Found("no-text", "The text part is empty" if sample.text is not None else "There is only HTML")
        return
    seen = {word.lower() for word in _WORD.findall(page.text[:100_000])}
    told = {word.lower() for word in _WORD.findall(text[:200_000])}
    if len(seen) >= 10 and len(seen & told) < 0.3 * len(seen):
        yield Found("text-differs", f"{len(seen & told)} of {len(seen)} different words are in both")


def _images(page: Page) -> Iterator[Found]:
    images = [image for image in page.images if _area(image) > PIXEL_AREA]
    area = sum(map(_area, images))
    if images and page.words < FEW_WORDS and area > IMAGE_SHARE * (area + page.words * WORD_AREA):
        yield Found("image-only", f"{page.words} words, images: {len(images)}")
    elif len(images) > 3 and len(images) > 0.03 * page.words:
        yield Found("many-images", f"{len(images)} images and {page.words} words")
    silent = [image for image in images if image.alt is None]
    if silent:
        evidence = f"{shown(silent[0].source)}" + (f" and {len(silent) - 1} more" if len(silent) > 1 else "")
        yield Found("no-alt", evidence, points=float(min(len(silent), ALT_MOST)))
    loose = [image for image in images if image.width is None]
    if loose:
        yield Found(
            "no-image-size", f"{shown(loose[0].source)}" + (f" and {len(loose) - 1} more" if len(loose) > 1 else "")
        )
    if page.inline_bytes > INLINE_MOST:
        yield Found("inline-images", f"{page.inline_bytes:,} bytes")


def _area(image: Image) -> float:
    if image.width is None and image.height is None:
        return UNKNOWN_AREA
    width = image.width if image.width is not None else image.height or 0.0
    return width * (image.height if image.height is not None else width / 2)


def _links(page: Page) -> Iterator[Found]:
    sources = [image.source for image in page.images]
    insecure = [u for u in (*(link.url for link in page.links), *sources) if u.lower().startswith("http://")]
    if insecure:
        yield Found(
            "insecure-link", f"{shown(insecure[0])}" + (f" and {len(insecure) - 1} more" if len(insecure) > 1 else "")
        )
    hosts = [(number, link, host_of(link.url)) for number, link in enumerate(page.links, 1)]
    hosts = [each for each in hosts if each[2]]
    for number, link, host in hosts:
        if host.removeprefix("www.") in SHORTENERS:
            yield Found("shortener", shown(link.url), f"link {number}")
            break
    for number, link, host in hosts:
        if _is_address(host):
            yield Found("ip-link", shown(link.url), f"link {number}")
            break
    for number, link, host in hosts:
        told = _mismatch(link, host)
        if told:
            yield Found("link-mismatch", f"It shows {shown(told)} and leads to {shown(host)}", f"link {number}")
            break
    sites = {site_of(host) for _, _, host in hosts}
    if len(sites) > DOMAINS_MOST:
        yield Found("many-domains", f"{len(sites)}: {shown(', '.join(sorted(sites)))}")


def _mismatch(link: Link, host: str) -> str:
    """Return the host that a link shows, if it leads somewhere else."""
    told = _SHOWN_HOST.match(link.text.strip())
    if told is None or "@" in link.text or site_of(told[1].lower()) == site_of(host):
        return ""
    is_address = link.text.strip().lower().startswith(("http://", "https://", "www."))
    return told[1].lower() if is_address or told[1].rpartition(".")[2].lower() in _ENDINGS else ""


_COMMON = "com net org de uk fr it es nl eu io co info biz app dev ch at be pl se us ca au ru cn jp br"
_ENDINGS = frozenset(_COMMON.split())
"""What ends like these is meant as a domain; “Node.js” and “README.md” are not."""


def _reading(page: Page) -> Iterator[Found]:
    if page.active:
        yield Found("active-content", ", ".join(f"<{tag}>" for tag in sorted(page.active)))
    if not page.lang:
        yield Found("no-lang")
    if not page.title:
        yield Found("no-title")
    if page.bare_tables:
        yield Found("bare-tables", f"{page.bare_tables} of them")
    if page.pale:
        yield Found("low-contrast", f"“{shown(page.pale[0])}”")
    if page.tiny_letters > 20 or page.small_letters * 4 > page.letters:
        yield Found("small-print", f"{page.small_letters} of {page.letters} letters")


def _files(sample: Sample) -> Iterator[Found]:
    for file in sample.files:
        if file.name.lower().rpartition(".")[2] in DANGEROUS and "." in file.name:
            yield Found("dangerous-file", shown(file.name), "attachment")
            break
    size = sum(file.size for file in sample.files)
    if size > FILES_LARGE:
        yield Found("large-files", f"{size:,} bytes in {len(sample.files)} files", "attachment")


def host_of(url: str) -> str:
    """Return the host that a web address leads to, in lower case; empty for others."""
    if url[:8].lower().startswith(("http://", "https://", "//")):
        try:
            return (urlsplit(url.strip()).hostname or "").rstrip(".")
        except ValueError:
            return ""
    return ""


def site_of(host: str) -> str:
    """Return about the registered domain of a host, without a list of public suffixes."""
    labels = host.split(".")
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


def _is_address(host: str) -> bool:
    if not host or not (host[-1].isdigit() or ":" in host):
        return False
    try:
        ipaddress.ip_address(int(host) if host.isdigit() and len(host) < 12 else host)
    except ValueError:
        return False
    return True
