"""The part of the table of pages on which people keep things in order: queue, addresses, domains, keys, people, themselves."""

from __future__ import annotations

from aftersend.web.console import condition, keyring, me, moderated, purse, sending_domains, suppressed, team, waiting
from aftersend.web.console.visits import Page

KEEPING: tuple[Page, ...] = (
    Page("GET", "/queue", waiting.show),
    Page("POST", "/queue", waiting.act),
    Page("GET", "/moderation", moderated.show),
    Page("POST", "/moderation", moderated.decide, "moderate"),
    Page("POST", "/moderation/policy", moderated.set_policy, "admin"),
    Page("GET", "/moderation/{id}", moderated.one),
    Page("GET", "/moderation/{id}/preview", moderated.preview),
    Page("GET", "/credits", purse.show),
    Page("POST", "/credits/{verb}", purse.change, "admin"),
    Page("GET", "/suppressions", suppressed.show),
    Page("POST", "/suppressions", suppressed.add, "admin"),
    Page("POST", "/suppressions/remove", suppressed.remove, "admin"),
    Page("GET", "/domains", sending_domains.show),
    Page("POST", "/domains", sending_domains.add, "admin"),
    Page("GET", "/domains/{name}", sending_domains.one),
    Page("POST", "/domains/{name}/check", sending_domains.check, "admin"),
    Page("POST", "/domains/{name}/rotate", sending_domains.rotate, "admin"),
    Page("POST", "/domains/{name}/remove", sending_domains.remove, "admin"),
    Page("GET", "/streams", keyring.streams),
    Page("POST", "/streams", keyring.set_stream, "admin"),
    Page("GET", "/keys", keyring.show, "admin"),
    Page("POST", "/keys", keyring.make, "admin"),
    Page("POST", "/keys/{id}/revoke", keyring.revoke, "admin"),
    Page("GET", "/people", team.show, "people"),
    Page("POST", "/people", team.invite, "people"),
    Page("POST", "/people/{id}/role", team.set_role, "people"),
    Page("POST", "/people/{id}/link", team.new_link, "people"),
    Page("POST", "/people/{id}/remove", team.remove, "people"),
    Page("GET", "/audit", condition.audit, "admin"),
    Page("GET", "/refusals", condition.refusals),
    Page("GET", "/health", condition.show, "admin"),
    Page("GET", "/me", me.show),
    Page("POST", "/me", me.save),
    Page("POST", "/me/password", me.set_password),
    Page("POST", "/me/sessions", me.end_others),
    Page("POST", "/me/second-step", me.begin_second_step),
    Page("POST", "/me/second-step/finish", me.finish_second_step),
    Page("POST", "/me/second-step/end", me.end_second_step),
)
