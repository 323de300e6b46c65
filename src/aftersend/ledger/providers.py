"""Name the providers of mailboxes behind the domains of addresses, so that trouble with one is seen as one.

Owns the table of domains that belong to people's providers. What is not in it, a company's own domain, stands for itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Provider(NamedTuple):
    """A provider: its name, the domains that are its own, and the beginnings of those it has in many countries."""

    name: str
    domains: frozenset[str]
    beginnings: tuple[str, ...] = ()
    """Such as "yahoo.": all domains that begin so, and nothing else, belong to it too."""


_TABLE = """
1&1|gmx.com gmx.us email.de mail.com|gmx. web.de
AOL|aol.com aim.com netscape.net|aol.
Apple|icloud.com me.com mac.com privaterelay.appleid.com
AT&T|att.net sbcglobal.net bellsouth.net ameritech.net pacbell.net swbell.net
BT|btinternet.com btopenworld.com talk21.com
Comcast|comcast.net xfinity.com
Docomo|docomo.ne.jp
Fastmail|fastmail.com fastmail.fm
Free|free.fr aliceadsl.fr libertysurf.fr
Google|gmail.com googlemail.com
Interia|interia.pl interia.eu poczta.fm
KDDI|ezweb.ne.jp au.com
KPN|kpnmail.nl planet.nl hetnet.nl kpnplanet.nl
Kakao|hanmail.net daum.net kakao.com
La Poste|laposte.net
Libero|libero.it inwind.it iol.it blu.it virgilio.it
Mail.ru|mail.ru inbox.ru list.ru bk.ru internet.ru
Microsoft|msn.com passport.com|hotmail. outlook. live. windowslive.
Naver|naver.com
NetEase|163.com 126.com yeah.net vip.163.com 188.com
O2|o2online.de o2mail.de
Onet|onet.pl onet.eu op.pl vp.pl poczta.onet.pl
Orange|orange.fr wanadoo.fr|orange. wanadoo.
Proton|protonmail.com proton.me pm.me protonmail.ch
Rambler|rambler.ru lenta.ru ro.ru autorambler.ru myrambler.ru
Rediff|rediffmail.com rediff.com
Seznam|seznam.cz email.cz post.cz spoluzaci.cz
SFR|sfr.fr neuf.fr cegetel.net club-internet.fr
Sina|sina.com sina.cn vip.sina.com
SoftBank|softbank.ne.jp i.softbank.jp
T-Online|t-online.de magenta.de
Telenet|telenet.be
Tencent|qq.com foxmail.com vip.qq.com
Terra|terra.com.br terra.es
Tiscali|tiscali.it tiscali.co.uk
TIM|tim.it alice.it tin.it
UOL|uol.com.br bol.com.br
Verizon|verizon.net
Virgin Media|virginmedia.com ntlworld.com blueyonder.co.uk
WP|wp.pl o2.pl tlen.pl
Yahoo|ymail.com rocketmail.com|yahoo. ymail.
Yandex|ya.ru|yandex.
Ziggo|ziggo.nl upcmail.nl casema.nl
Zoho|zoho.com zohomail.com zohomail.eu
"""


def _read() -> tuple[Provider, ...]:
    found = []
    for line in _TABLE.split("\n"):
        if line:
            name, domains, *more = line.split("|")
            beginnings = tuple(more[0].split()) if more else ()
            whole = tuple(word for word in beginnings if not word.endswith("."))
            found.append(
                Provider(name, frozenset((*domains.split(), *whole)), tuple(w for w in beginnings if w.endswith(".")))
            )
    return tuple(found)


PROVIDERS = _read()
"""All that are known, each with what belongs to it; no domain belongs to two."""
BY_NAME = {provider.name.lower(): provider for provider in PROVIDERS}
_BY_DOMAIN = {domain: provider.name for provider in PROVIDERS for domain in provider.domains}
_BY_BEGINNING = {beginning: provider.name for provider in PROVIDERS for beginning in provider.beginnings}


@lru_cache(maxsize=10_000)
def provider_of(domain: str) -> str:
    """Return the name of the provider that a domain, in lower case, belongs to; the domain itself for any other."""
    first = domain.partition(".")[0] + "."
    return _BY_DOMAIN.get(domain) or _BY_BEGINNING.get(first) or domain
