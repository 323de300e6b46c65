"""What one hit says by itself: its method, program, network, moment.

Points towards a machine are positive. Knows nothing of the other hits (`company`) and of the sum (`label`).
"""

from __future__ import annotations

from collections.abc import Iterator

from aftersend.policy.hits.hit import Hit, Label, Letter, Reason, Verdict
from aftersend.policy.hits.maker import agent, network, platform
from aftersend.policy.hits.tables import Known

_PROGRAMS = {"scanner": 6.0, "preview": 6.0, "automation": 6.0, "library": 6.0, "crawler": 6.0}
_PROXIES = {"google_proxy": "google", "yahoo_proxy": "yahoo"}
_NEED_PLACE = frozenset({*_PROXIES, "google_prefetch", "bare"})
"""Programs that the network proves or refutes; where it is not known, neither."""
_SOON = ((0.0, 4.0), (2.0, 2.5), (10.0, 1.5), (60.0, 0.5), (600.0, 0.0))
_LATE = -1.0
_LOOKS_UNTIL_S = 600.0
_CROWD, _AT_DELIVERY_S = 20, 60.0
"""An image proxy that fetches for so many so early does it for itself, whoever displays the message later."""


def identity(hit: Hit, clickers: frozenset[str]) -> Label | None:
    """Label a hit whose maker is certain; `clickers` are the addresses that clicked. None if points have to decide."""
    program, place = agent(hit.ua).kind, network(hit).kind
    if hit.kind == "unsub" and hit.method == "POST":
        return _certain(Verdict.HUMAN, "one_click_post", "a POST to the unsubscribe address (RFC 8058)")
    if hit.kind not in ("open", "read") or hit.method != "GET":
        return None
    seen = f"{agent(hit.ua).name}, {network(hit).name or 'an unknown network'}, {hit.ip}"
    if program == "bare" and place == "relay" and hit.ip not in clickers:
        return _certain(Verdict.PRIVACY_PROXY, "mail_privacy_protection", seen)
    if program == "google_prefetch" and place == "google":
        return _certain(Verdict.PRIVACY_PROXY, "gmail_prefetch", seen)
    if program == "webkit" and place == "relay":
        return _certain(Verdict.PRIVACY_PROXY, "relay_without_browser", seen)
    if _PROXIES.get(program) == place and place and hit.fanout >= _CROWD and hit.t <= _AT_DELIVERY_S:
        return _certain(Verdict.UNKNOWN, "image_proxy_at_delivery", f"{seen}, with {hit.fanout} other recipients")
    if _PROXIES.get(program) == place and place:
        return _certain(Verdict.HUMAN, "image_proxy_at_display", seen)
    if program == "other_proxy":
        return _certain(Verdict.UNKNOWN, "image_proxy_unproven", seen)
    return None


def alone(hit: Hit, letter: Letter) -> Iterator[Reason]:
    """Yield what a hit says by itself."""
    if hit.method not in ("GET", "POST"):
        yield Reason("method", 6.0, f"{hit.method}, which mail programs and browsers do not use")
    if any(link.id == hit.target and link.kind == "honeypot" for link in letter.links):
        yield Reason("hidden_link", 6.0, f"the link {hit.target}, which nobody can see")
    if hit.h.sec_purpose:
        yield Reason("speculative", 5.0, f"Sec-Purpose: {hit.h.sec_purpose[:60]}")
    yield from _program(hit)
    yield from _place(hit)
    yield _moment(hit.t)


def _program(hit: Hit) -> Iterator[Reason]:
    known, ua = agent(hit.ua), (hit.ua or "")[:200]
    if known.kind in _PROGRAMS:
        yield Reason(f"{known.kind}_program", _PROGRAMS[known.kind], f"{known.name}: {ua}")
    elif known.kind in _NEED_PLACE and not network(hit).kind:
        yield Reason("proxy_unproven", 0.0, f"{known.name}, from {hit.ip}, whose network is not known")
    elif known.kind in _PROXIES or known.kind == "google_prefetch":
        yield Reason("image_proxy_elsewhere", 4.0, f"{known.name}, not from its operator's network: {hit.ip}")
    elif known.kind == "empty":
        yield Reason("no_user_agent", 3.5, "no user agent")
    elif known.kind == "bare":
        yield Reason("bare_user_agent", 3.5, "Mozilla/5.0 alone, not from a privacy relay")
    elif known.kind == "unnamed" and hit.kind in ("click", "unsub"):
        yield Reason("no_browser", 4.0, f"{known.name}: {ua}")
    elif known.kind == "outdated":
        yield Reason("outdated_program", 1.5, f"{known.name}: {ua}")
    elif known.kind in ("mail_program", "mail_app", "webkit") and hit.kind != "click":
        yield Reason("mail_program", -2.0, f"{known.name}: {ua}")
    named, hinted = platform(ua), (hit.h.sec_ch_ua_platform or "").strip('"')
    if named and hinted and named != hinted:
        yield Reason("two_platforms", 3.0, f"user agent of {named}, Sec-CH-UA-Platform {hinted[:30]}")
    if hit.kind in ("click", "unsub") and not hit.h.accept_language:
        yield Reason("no_language", 1.0, "no Accept-Language")


def _place(hit: Hit) -> Iterator[Reason]:
    known = network(hit)
    where = ", ".join(part for part in (known.name, f"AS{hit.asn}" if hit.asn else "", hit.ip, hit.rdns) if part)
    if known.kind == "security_vendor":
        yield Reason("security_vendor_network", 6.0, where)
    elif known.kind == "microsoft":
        points = 2.5 if hit.kind != "open" else 2.0 if hit.t <= 60 else 1.0
        yield Reason("microsoft_network", points, where)
    elif known.kind == "hosting" or (known.kind in ("google", "yahoo") and hit.kind != "open"):
        yield Reason("hosting_network", 2.0, where)
    elif known.kind == "access":
        yield Reason("access_network", -2.0, where)
    elif known.kind == "relay" and hit.kind != "open" and agent(hit.ua).kind == "":
        yield Reason("relay_with_browser", -1.0, where)


def filtered(hit: Hit, takes_in: Known) -> Iterator[Reason]:
    """Yield that whoever takes the recipient's mail in looks at it, where a hit comes soon, and from where such looks come."""
    place = network(hit).kind
    is_theirs = place in ("hosting", "microsoft") and takes_in.kind == "security_vendor" and hit.t <= _LOOKS_UNTIL_S
    if is_theirs or (place == takes_in.kind == "microsoft" and hit.t <= _AT_DELIVERY_S):
        yield Reason("filtered_mail", 1.0, f"the recipient's mail is looked at by {takes_in.name}")


def _moment(t: float) -> Reason:
    if t < 0:
        return Reason("before_delivery", _SOON[0][1], f"{-t:.1f} s before the server had taken the message")
    points = next((points for within, points in _SOON[1:] if t <= within), _LATE)
    return Reason("moment", points, f"{t:.1f} s after delivery")


def _certain(verdict: Verdict, signal: str, evidence: str) -> Label:
    return Label(verdict, 0.0, (Reason(signal, None, evidence),))
