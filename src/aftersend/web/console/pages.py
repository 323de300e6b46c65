"""The table of everything that the console shows and does. A page is a line here; its function stands in a module of its own,
its template in `templates`, its place in the menu in `menu.py`."""

from __future__ import annotations

from aftersend.web.console import bounced, dashboard, deliveries, entering, first_mail, glossary, maillog, opened
from aftersend.web.console.keeping import KEEPING
from aftersend.web.console.visits import Page
from aftersend.web.console.writing import WRITING

_OUTSIDE = (
    Page("GET", "/sign-in", entering.ask_in, None),
    Page("POST", "/sign-in", entering.sign_in, None),
    Page("POST", "/sign-in/code", entering.second_step, None),
    Page("GET", "/welcome/{token}", entering.ask_welcome, None),
    Page("POST", "/welcome/{token}", entering.be_welcome, None),
    Page("POST", "/theme", entering.choose_theme, None),
)
_INSIDE = (
    Page("POST", "/sign-out", entering.sign_out),
    Page("POST", "/account", entering.look_at),
    Page("GET", "/first-mail", first_mail.ask, "send"),
    Page("POST", "/first-mail", first_mail.send, "send"),
    Page("GET", "/help", glossary.show),
)
_NUMBERS = (
    Page("GET", "/", dashboard.show),
    Page("GET", "/bounces", bounced.show),
    Page("GET", "/reading", opened.show),
    Page("GET", "/reading/sides", opened.sides),
    Page("GET", "/bounces/sides", bounced.sides),
)
_LOG = (
    Page("GET", "/log", maillog.show),
    Page("GET", "/log/live", maillog.live),
    Page("GET", "/log.csv", maillog.export_csv),
    Page("GET", "/log.ndjson", maillog.export_ndjson),
    Page("POST", "/log/save", maillog.save),
    Page("POST", "/log/forget", maillog.forget),
)
_MESSAGES = (
    Page("GET", "/deliveries/{id}", deliveries.show),
    Page("GET", "/deliveries/{id}/journey", deliveries.journey_alone),
    Page("POST", "/deliveries/{id}/{verb}", deliveries.act, "read"),
    Page("GET", "/messages/{id}", deliveries.message),
    Page("GET", "/messages/{id}/content", deliveries.content),
    Page("GET", "/messages/{id}/preview", deliveries.preview),
)
PAGES: tuple[Page, ...] = (*_OUTSIDE, *_INSIDE, *_NUMBERS, *_LOG, *_MESSAGES, *WRITING, *KEEPING)
