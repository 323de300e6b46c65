"""People of the console from the command line: a role, a link, and a way back for who lost the authenticator."""

from __future__ import annotations

from aftersend.cli.here import Here
from aftersend.store import accounts, people


def test_a_person_is_added_and_gets_links(run):
    """Who is new gets a link; another role and another link can be had; who is taken out is gone."""
    added = run("user", "add", "Ann@example.com", "--role", "admin", "--json")
    assert added.status == 0, added.err
    assert "/console/welcome/" in added.rows[0]["link"]
    assert run("user", "role", "ann@example.com", "owner").status == 0
    (listed,) = run("user", "list", "--json").rows
    assert (listed["email"], listed["role"], listed["second_step"]) == ("ann@example.com", "owner", False)
    assert "/console/welcome/" in run("user", "link", "ann@example.com").out
    assert run("user", "link", "bob@example.com").status != 0
    assert run("user", "remove", "ann@example.com").status == 0
    assert run("user", "list", "--json").rows == []


def test_a_link_leaves_the_second_step_on_unless_it_was_said_otherwise(run):
    """The plain link asks for the code; for who lost the authenticator the step is turned off, and the audit says so."""
    run("user", "add", "ann@example.com")
    here = Here()
    ann = here.read(people.by_email, "ann@example.com")
    here.write(people.set_totp, ann.id, b"sealed")
    assert run("user", "link", "ann@example.com").status == 0
    assert here.read(people.one, ann.id).totp == b"sealed"
    assert run("user", "link", "ann@example.com", "--without-second-step").status == 0
    assert here.read(people.one, ann.id).totp is None
    assert "turned the second step off" in [row["did"] for row in here.read(accounts.noted, here.account, limit=9)]
    here.close()
