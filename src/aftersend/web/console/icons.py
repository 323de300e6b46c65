"""Own the pictures: small line drawings on a grid of 24, drawn for this console, and the mark."""

from __future__ import annotations

from markupsafe import Markup

_DRAWN: dict[str, str] = {
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "double-check": '<path d="m2.5 12.5 4 4L14 9m-3 6.5 1 1L21.5 7.5"/>',
    "cross": '<path d="M6.5 6.5l11 11m0-11-11 11"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>',
    "retry": '<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9"/><path d="M19.5 4.5V9H15"/>',
    "sent": '<path d="M20.5 3.5 10 14"/><path d="M20.5 3.5 14 20.5l-4-6.5-6.5-4z"/>',
    "eye": (
        '<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z"/>'
        '<circle cx="12" cy="12" r="2.7"/>'
    ),
    "robot": (
        '<rect x="5" y="8.5" width="14" height="10.5" rx="2.5"/>'
        '<path d="M12 8.5V5M9 13v1.5M15 13v1.5M2.5 13v2M21.5 13v2"/>'
    ),
    "back": '<path d="M9.5 5 4.5 10l5 5"/><path d="M4.5 10H14a5.5 5.5 0 0 1 0 11h-2"/>',
    "ban": '<circle cx="12" cy="12" r="8.5"/><path d="m6 6 12 12"/>',
    "no-person": (
        '<circle cx="10" cy="8" r="3.5"/>'
        '<path d="M3.5 20c.5-4 3-6 6.5-6 1.5 0 2.8.3 3.9 1M16 15.5l5 5m0-5-5 5"/>'
    ),
    "copies": (
        '<rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2"/>'
        '<path d="M15.5 5.5V5A1.5 1.5 0 0 0 14 3.5H5.5A2 2 0 0 0 3.5 5.5V14A1.5 1.5 0 0 0 5 15.5h.5"/>'
    ),
    "circle": '<circle cx="12" cy="12" r="7.5" stroke-dasharray="3 3"/>',
    "keyboard": '<rect x="2.5" y="6" width="19" height="12" rx="2"/><path d="M6 10h.1M10 10h.1M14 10h.1M18 10h.1M8 14h8"/>',
    "pause": '<path d="M9 6v12M15 6v12"/>',
    "flag": '<path d="M5.5 21V4m0 0h11l-2 4.5 2 4.5h-11"/>',
    "click": '<path d="m10 10 3.5 10 2.2-4.3L20 13.5z"/><path d="M9 3.5V6M3.5 9H6m-.9-3.9 1.8 1.8"/>',
    "leave": (
        '<path d="M13.5 4.5H6A1.5 1.5 0 0 0 4.5 6v12A1.5 1.5 0 0 0 6 19.5h7.5M10 12h10.5M17 8.5l3.5 '
        '3.5-3.5 3.5"/>'
    ),
    "moderate": '<path d="M12 3.5 5 6v5.5c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6z"/><path d="M12 8.5v4M12 15.5v.1"/>',
    "warn": '<path d="M12 4 2.5 20h19z"/><path d="M12 10v4.5M12 17.2v.1"/>',
    "inbox": '<path d="M3.5 13.5 6 5h12l2.5 8.5V19h-17z"/><path d="M3.5 13.5H9a3 3 0 0 0 6 0h5.5"/>',
    "activity": '<path d="M3 12.5h4l3-8 4.5 15 2.5-7H21"/>',
    "mail": '<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m3.5 7 8.5 6.5L20.5 7"/>',
    "list": '<path d="M8.5 6H20M8.5 12H20M8.5 18H20M4 6h.1M4 12h.1M4 18h.1"/>',
    "queue": '<path d="m12 3.5 9 4.5-9 4.5L3 8z"/><path d="m3 12.5 9 4.5 9-4.5M3 16.8l9 4.2 9-4.2"/>',
    "globe": '<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c5 5.5 5 11.5 0 17-5-5.5-5-11.5 0-17z"/>',
    "key": '<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8.5-8.5M16 7.5l3 3"/>',
    "people": (
        '<circle cx="9" cy="8" r="3.5"/>'
        '<path d="M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M15.5 4.7a3.5 3.5 0 0 1 0 6.6M18 14.5c2 .8 3.2 2.6 '
        '3.5 5.5"/>'
    ),
    "person": '<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c.6-4.5 3.5-6.5 7.5-6.5s6.9 2 7.5 6.5"/>',
    "book": '<path d="M12 6.5c-2-1.5-4.5-2-8-2v13.5c3.5 0 6 .5 8 2 2-1.5 4.5-2 8-2V4.5c-3.5 0-6 .5-8 2zM12 6.5V20"/>',
    "heart": '<path d="M3 12h4l2-4 4 8 2-4h6"/><rect x="3" y="4" width="18" height="16" rx="3"/>',
    "audit": '<path d="M6 3.5h8.5L19 8v12.5H6z"/><path d="M14 3.5V8.5h5M9 13h6M9 16.5h6"/>',
    "gear": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    "streams": (
        '<path d="M3 7c3 0 3 2 6 2s3-2 6-2 3 2 6 2M3 12c3 0 3 2 6 2s3-2 6-2 3 2 6 2M3 17c3 0 3 2 6 '
        '2s3-2 6-2 3 2 6 2"/>'
    ),
    "megaphone": '<path d="M4 10v4l11 4.5v-13zM15 9c2.5 0 4 1.2 4 3s-1.5 3-4 3M7 15.5 8.5 20h2.5l-1.3-3.6"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>',
    "down": '<path d="m6 9.5 6 6 6-6"/>',
    "right": '<path d="m9.5 6 6 6-6 6"/>',
    "left": '<path d="m14.5 6-6 6 6 6"/>',
    "arrow": '<path d="M4.5 12h15M14 6.5l5.5 5.5-5.5 5.5"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "download": '<path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M4.5 19.5h15"/>',
    "star": '<path d="m12 4 2.5 5.2 5.5.8-4 4 1 5.7-5-2.7-5 2.7 1-5.7-4-4 5.5-.8z"/>',
    "sun": (
        '<circle cx="12" cy="12" r="4"/>'
        '<path d="M12 2.5V5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M5.3 18.7 7 17M17 '
        '7l1.7-1.7"/>'
    ),
    "moon": '<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"/>',
    "half": '<circle cx="12" cy="12" r="8"/><path d="M12 4v16a8 8 0 0 0 0-16z" fill="currentColor"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "link": (
        '<path d="M10 14a4 4 0 0 0 6 .3l3-3a4 4 0 0 0-5.7-5.7L12 7M14 10a4 4 0 0 0-6-.3l-3 3a4 4 0 0 0 '
        '5.7 5.7L12 17"/>'
    ),
    "shield": '<path d="M12 3.5 5 6v5.5c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6z"/><path d="m9 11.7 2.2 2.3L15.2 10"/>',
    "server": (
        '<rect x="3.5" y="4" width="17" height="6.5" rx="1.5"/>'
        '<rect x="3.5" y="13.5" width="17" height="6.5" rx="1.5"/><path d="M7 7.2h.1M7 16.7h.1"/>'
    ),
    "question": (
        '<circle cx="12" cy="12" r="8.5"/>'
        '<path d="M9.5 9.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7M12 16.5v.1"/>'
    ),
    "template": '<rect x="4" y="4" width="16" height="16" rx="2"/><path d="M4 9h16M10 9v11"/>',
}  # fmt: skip

NAMES = frozenset(_DRAWN)


def icon(name: str, label: str = "") -> Markup:
    """Return a drawing. Without a label it is decoration beside a word, and screen readers pass it over."""
    spoken = Markup(' role="img" aria-label="{}"').format(label) if label else Markup(' aria-hidden="true"')
    return Markup('<svg class="icon" viewBox="0 0 24 24"{}>{}</svg>').format(spoken, Markup(_DRAWN[name]))


MARK = Markup(
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">'
    '<rect class="mark-field" width="32" height="32" rx="8"/>'
    '<path class="mark-line" d="M7 11.5 16 18l9-6.5"/><path class="mark-line mark-trail" d="M7 16.8 16 23l9-6.2"/></svg>'
)
