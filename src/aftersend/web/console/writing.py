"""The pages with which one writes to people: broadcasts, contacts and their lists, templates."""

from __future__ import annotations

from aftersend.web.console import broadcasts, contacts, quality, templated
from aftersend.web.console.visits import Page

_BROADCASTS = (
    Page("GET", "/broadcasts", broadcasts.every),
    Page("GET", "/broadcasts/new", broadcasts.ask_new, "send"),
    Page("POST", "/broadcasts/new", broadcasts.make, "send"),
    Page("GET", "/broadcasts/{id}", broadcasts.one),
    Page("GET", "/broadcasts/{id}/moving", broadcasts.moving),
    Page("GET", "/broadcasts/{id}/quality", quality.broadcast),
    Page("GET", "/broadcasts/{id}/preview", broadcasts.preview),
    Page("GET", "/broadcasts/{id}/addresses.csv", broadcasts.addresses),
    Page("GET", "/broadcasts/{id}/change", broadcasts.ask_change, "send"),
    Page("POST", "/broadcasts/{id}/change", broadcasts.change, "send"),
    Page("POST", "/broadcasts/{id}/{verb}", broadcasts.act, "send"),
)
_PEOPLE = (
    Page("GET", "/contacts", contacts.show),
    Page("POST", "/contacts/lists", contacts.make_list, "send"),
    Page("POST", "/contacts/lists/remove", contacts.remove_list, "send"),
    Page("GET", "/contacts/import", contacts.ask_import, "send"),
    Page("POST", "/contacts/import", contacts.take_in, "send"),
    Page("GET", "/contacts/imports/{id}", contacts.long_import, "send"),
    Page("GET", "/contacts/imports/{id}/moving", contacts.long_import_moving, "send"),
    Page("GET", "/contacts/imports/{id}/wrong.csv", contacts.wrong_rows, "send"),
    Page("POST", "/contacts/imports/{id}/{verb}", contacts.long_import_act, "send"),
    Page("GET", "/contacts/new", contacts.ask_new, "send"),
    Page("POST", "/contacts/new", contacts.make, "send"),
    Page("GET", "/contacts/{id}", contacts.one),
    Page("POST", "/contacts/{id}", contacts.change, "send"),
    Page("POST", "/contacts/{id}/remove", contacts.remove, "send"),
)
_TEMPLATES = (
    Page("GET", "/templates", templated.every),
    Page("POST", "/templates", templated.save, "send"),
    Page("GET", "/templates/new", templated.ask_new, "send"),
    Page("GET", "/templates/{name}", templated.one),
    Page("GET", "/templates/{name}/preview", templated.preview),
    Page("POST", "/templates/{name}/remove", templated.remove, "send"),
)

WRITING: tuple[Page, ...] = (*_BROADCASTS, *_PEOPLE, *_TEMPLATES)
