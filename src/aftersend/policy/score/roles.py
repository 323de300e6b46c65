"""Names of mailboxes that belong to a role and not to a person (RFC 2142, and what is common beside it)."""

from __future__ import annotations

_RFC_2142 = "abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp info marketing sales support"
_COMMON = (
    "admin administrator all billing board business careers ceo compliance contact customercare customerservice devnull devops"
    " dns editor enquiries everyone feedback finance founder hello help helpdesk hr inquiries invoice invoices investor"
    " jobs kontakt legal list listserv mail mailer-daemon mailerdaemon media no-reply noc noemail noreply null office orders"
    " owner phish phishing press privacy recruiting registrar remove root sekretariat service spam staff subscribe"
    " sysadmin team tech trouble undisclosed-recipients unsubscribe usenet verwaltung vertrieb webadmin"
)
ROLES = frozenset(f"{_RFC_2142} {_COMMON}".split())
NEVER = frozenset(
    (
        "abuse",
        "postmaster",
        "noreply",
        "no-reply",
        "spam",
        "mailer-daemon",
        "mailerdaemon",
        "devnull",
        "null",
        "hostmaster",
    )
)
"""Nobody who reads these has asked for a newsletter."""


def role_of(local: str) -> str:
    """Return the role that a local part names; empty for a person's."""
    bare = local.lower().partition("+")[0]
    return bare if bare in ROLES else ""
