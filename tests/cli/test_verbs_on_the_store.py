"""Verbs that work straight on the store of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from verbs_run import Run

from aftersend import clock
from aftersend.cli.verbs import DONE, FAILED, NOTHING, PARTLY, USAGE
from aftersend.store import upgrade

HELLO = ("send", "--from", "Shop <shop@example.com>", "--subject", "Hello", "--text", "Hi")


def sent(run: Run, *recipients: str, more: tuple[str, ...] = ()) -> list[str]:
    """Submit to these; return the ids of the deliveries."""
    said = run(*HELLO, *(part for r in recipients for part in ("--to", r)), "--json", *more)
    assert said.status == DONE, said.err
    return [delivery["id"] for delivery in said.rows[0]["deliveries"]]


# ---- what is common to all ---------------------------------------------------------------------------------------------


def test_help_names_every_verb(run: Run) -> None:
    """`aftersend --help` lists the verbs with a line each."""
    said = run("--help")
    verbs = "serve demo practice send log show results refusals queue suppress domain key stream account db config doctor diagnose version"
    assert [verb for verb in verbs.split() if f"\n  {verb} " not in said.out] == []


@pytest.mark.parametrize(
    "arguments", [("sned",), ("log", "--no-such"), ("queue", "burn"), ("show",), ("send", "--to", "a@b.example")]
)
def test_a_wrong_question_ends_with_two(run: Run, arguments: tuple[str, ...]) -> None:
    """Unknown verbs, options and missing arguments are usage errors, told on standard error."""
    said = run(*arguments)
    assert (said.status, said.out) == (USAGE, "")
    assert said.err


def test_a_near_miss_is_guessed(run: Run) -> None:
    """A mistyped verb is answered with the one that was meant."""
    assert "send" in run("sned").err


def test_reading_makes_no_database(run: Run, tmp_path: Path) -> None:
    """Verbs that only read say that there is nothing yet, and make nothing."""
    said = run("log")
    assert (said.status, "aftersend db upgrade" in said.err) == (FAILED, True)
    assert list(tmp_path.iterdir()) == []


def test_errors_are_json_where_json_was_asked_for(run: Run) -> None:
    """With `--json`, errors are one JSON object on standard error, fields by pointer."""
    run("db", "upgrade")
    said = run("log", "--status", "nonsense", "--json")
    error = msgspec.json.decode(said.err)
    assert (said.status, error["errors"][0]["pointer"]) == (USAGE, "#/status")


def test_a_broken_database_is_told_in_words(run: Run, tmp_path: Path) -> None:
    """What is no database is an error that names it, not a traceback."""
    (tmp_path / "aftersend.db").write_bytes(b"this is no database, and never was one" * 100)
    said = run("log")
    assert (said.status, "database" in said.err) == (FAILED, True)


def test_what_others_wrote_cannot_steer_a_terminal(run: Run) -> None:
    """Control characters in a subject are shown, not obeyed."""
    (delivery,) = sent(run, "ann@example.net", more=("--metadata", "note=\x1b[31mred"))
    assert "\x1b" not in run("show", delivery).out
    assert "\x1b" not in run("log").out


# ---- mail --------------------------------------------------------------------------------------------------------------


def test_a_message_can_be_left_in_the_store(run: Run) -> None:
    """`send` works without a service: the message is durable, and a remark says that nobody delivers it yet."""
    said = run(*HELLO, "--to", "ann@example.net")
    assert (said.status, "No service is at work" in said.err) == (DONE, True)
    (row,) = run("log", "--json").rows
    assert (row["recipient"], row["subject"], row["ended"]) == ("ann@example.net", "Hello", False)


def test_what_cannot_be_sent_is_refused_whole(run: Run) -> None:
    """Every wrong field is named at once, and nothing is kept."""
    said = run("send", "--from", "shop", "--to", "ann", "--to", "bob@example.net", "--text", "Hi")
    assert said.status == USAGE
    assert "from:" in said.err
    assert "to/0:" in said.err
    assert run("log").status == NOTHING


def test_attachments_headers_and_metadata_go_with_it(run: Run, tmp_path: Path) -> None:
    """What is given on the command line is in the message."""
    file = tmp_path / "list.csv"
    file.write_text("a,b\n")
    (delivery,) = sent(
        run, "ann@example.net",
        more=("--attach", str(file), "--header", "X-Order: 4711", "--metadata", "order=4711", "--tag", "receipt"),
    )  # fmt: skip
    row = run("show", delivery, "--json").rows[0]
    assert (row["metadata"], row["tags"]) == ({"order": "4711"}, ["receipt"])
    assert [delivery] == [r["id"] for r in run("log", "--metadata", "order=4711", "--json").rows]


def test_a_whole_message_is_sent_as_it_is(run: Run, tmp_path: Path) -> None:
    """`--raw` takes a message from a file; parts given beside it are refused."""
    file = tmp_path / "message.eml"
    file.write_bytes(b"From: shop@example.com\nTo: ann@example.net\nSubject: As it is\n\nHi\n")
    said = run("send", "--raw", str(file), "--from", "shop@example.com", "--to", "ann@example.net")
    assert said.status == DONE
    assert run("log", "--json").rows[0]["subject"] == "As it is"
    assert (
        run("send", "--raw", str(file), "--from", "a@b.example", "--to", "c@d.example", "--text", "x").status == USAGE
    )


def test_the_same_key_sends_once(run: Run) -> None:
    """Repeating a submission with its idempotency key gives the first receipt again."""
    first, second = (sent(run, "ann@example.net", more=("--idempotency-key", "order-1")) for _ in range(2))
    assert first == second
    assert len(run("log", "--json").rows) == 1


def test_the_log_is_searched_with_the_words_of_the_api(run: Run) -> None:
    """Repeated words mean or, different words mean and; the answer is newest first."""
    ids = sent(run, "ann@example.net", "bob@example.org", "cid@example.com")
    found = [row["id"] for row in run("log", "--domain", "example.net", "--domain", "example.org", "--json").rows]
    assert [ids[1], ids[0]] == found
    assert run("log", "--domain", "example.net", "--recipient", "bob@example.org").status == NOTHING
    assert len(run("log", "-n", "2", "--json").rows) == 2


def test_long_lists_are_read_page_by_page(run: Run) -> None:
    """More rows than fit on a page come in the same order, each once."""
    ids = sent(run, *(f"r{i}@example.net" for i in range(230)))
    assert ids[::-1] == [row["id"] for row in run("log", "-n", "1000", "--json").rows]


def test_show_tells_all_of_a_message(run: Run) -> None:
    """A message's id shows each of its recipients."""
    sent(run, "ann@example.net", "bob@example.net")
    message = run("log", "--json").rows[0]["message_id"]
    said = run("show", message)
    assert all(f"to {name}@example.net" in said.out for name in ("ann", "bob"))
    assert run("show", "dlv_0000000000000").status == NOTHING


def test_show_says_that_the_address_is_listed_now(run: Run) -> None:
    """Whatever was so when the mail was sent; by a domain too. Who is on no list has no such line."""
    sent(run, "ann@example.net", "bob@example.org")
    run("suppress", "add", "ann@example.net", "--why", "by phone")
    shown = {row["recipient"]: row["id"] for row in run("log", "--json").rows}
    assert "ann@example.net is not mailed on all streams since 20" in run("show", shown["ann@example.net"]).out
    (entry,) = run("show", shown["ann@example.net"], "--json").rows[0]["suppressed"]
    assert (entry["cause"], entry["evidence"]["why"]) == ("manual", "by phone")
    assert "Now listed" not in run("show", shown["bob@example.org"]).out
    run("suppress", "add", "@example.org")
    assert "@example.org is not mailed" in run("show", shown["bob@example.org"]).out
    said = run("suppress", "why", "cat@example.com")
    assert (said.status, "is on no list of this account; mail to it is not stopped." in said.err) == (NOTHING, True)


def test_the_queue_is_held_released_and_cancelled(run: Run) -> None:
    """Verbs act on what matches, and the history says who did it and why."""
    ids = sent(run, "ann@example.net", "bob@example.net", "cid@example.org")
    assert run("queue", "summary", "--json").rows[0]["deliveries"] == 3
    assert run("queue", "hold", "--domain", "example.net", "--dry-run", "--json").rows[0] == {
        "action": "hold",
        "would_touch": 2,
    }
    assert run("queue", "hold", "--domain", "example.net", "--why", "a test", "--json").rows[0] == {
        "action": "hold",
        "done": 2,
        "skipped": {},
    }
    half = run("queue", "release", "--all", "--json")
    assert (half.status, half.rows[0]["done"], half.rows[0]["skipped"]["not_held"]) == (PARTLY, 2, 1)
    assert run("queue", "cancel", ids[0]).status == DONE
    shown = run("show", ids[0], "--json").rows[0]
    assert (shown["status"]["result"], shown["ended"]) == ("Unsent", True)
    assert "a test" in msgspec.json.encode(shown["events"]).decode()
    assert len(run("queue", "list", "--json").rows) == 2
    assert run("queue", "cancel", ids[0]).status == NOTHING


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("evt_0000000000000",)])
def test_a_verb_on_the_queue_needs_to_know_which(run: Run, arguments: tuple[str, ...]) -> None:
    """Without a target nothing is touched: all of the queue must be asked for by name."""
    sent(run, "ann@example.net")
    assert run("queue", "cancel", *arguments).status == USAGE
    assert len(run("queue", "list", "--json").rows) == 1


def test_results_count_and_conserve(run: Run) -> None:
    """All five vocabularies are counted, and everybody is accounted for."""
    sent(run, "ann@example.net", "bob@example.net")
    rows = run("results", "--json").rows
    assert [row["report"] for row in rows] == ["results", "lifecycle", "activity", "bounces", "icons", "conservation"]
    assert (rows[-1]["audience"], rows[-1]["conserved"]) == (2, True)
    assert run("results", "activity", "--since", "1h").status == DONE


# ---- administration ------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once(run: Run) -> None:
    """A key is printed when it is made, by itself on standard output, and never again."""
    said = run("key", "create", "shop", "--scope", "send")
    secret = said.out.strip()
    assert secret.startswith("as_live_")
    (row,) = run("key", "list", "--json").rows
    assert secret not in str(row)
    assert ("shop", ["send"], secret[: len(row["prefix"])]) == (row["name"], row["scopes"], row["prefix"])
    assert run("key", "revoke", row["id"]).status == DONE
    assert run("key", "list", "--json").rows[0]["revoked_at"]
    assert run("key", "revoke", row["id"]).status == NOTHING


@pytest.mark.parametrize("arguments", [("--scope", "everything"), ("--network", "nowhere")])
def test_a_key_with_nonsense_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    """A scope or a network that is none is named."""
    assert run("key", "create", "shop", *arguments).status == USAGE


def test_accounts_see_their_own_alone(run: Run) -> None:
    """What is done for one account is not seen by another."""
    run("account", "create", "second")
    run("key", "create", "theirs", "--account", "second")
    run("suppress", "add", "ann@example.net", "--account", "second")
    assert run("key", "list", "--json").rows == []
    assert run("suppress", "list").status == NOTHING
    assert run("account", "rename", "second", "other").status == DONE
    assert [row["name"] for row in run("account", "list", "--json").rows] == ["default", "other"]
    assert run("log", "--account", "nobody").status == NOTHING
    assert run("account", "create", "other").status == FAILED


def test_changes_are_written_down(run: Run) -> None:
    """Who changed what is kept."""
    run("key", "create", "shop")
    run("domain", "add", "example.com")
    assert [row["did"] for row in run("account", "audit", "--json").rows] == ["added a domain", "made a key"]


def test_a_domain_is_added_with_its_records(run: Run) -> None:
    """Adding a domain prints what to publish; the zone form has one record a line."""
    added = run("domain", "add", "Example.com", "--json").rows[0]
    assert added["name"] == "example.com"
    assert {"dkim", "return_mx", "return_spf", "dmarc"} == {record["purpose"] for record in added["records"]}
    assert len(added["records"]) == len(run("domain", "records", "example.com", "--zone").out.splitlines())
    assert run("domain", "add", "example.com").status == FAILED
    assert run("domain", "rotate-key", "example.com").status == DONE
    assert run("domain", "remove", "example.com").status == DONE
    assert run("domain", "records", "example.com").status == NOTHING


def test_a_stream_is_set_and_used(run: Run) -> None:
    """Mail can be sent in a stream once it is there."""
    assert run("stream", "add", "news", "--kind", "broadcast", "--lifetime-hours", "6").status == DONE
    assert next(row for row in run("stream", "list", "--json").rows if row["name"] == "news")["lifetime_hours"] == 6.0
    sent(run, "ann@example.net", more=("--stream", "news"))
    assert len(run("log", "--stream", "news", "--json").rows) == 1
    assert run("stream", "add", "Not A Name").status == USAGE
    hours = "mon-fri 09:00-17:00 Europe/Berlin"
    assert hours in run("stream", "add", "news", "--kind", "broadcast", "--hours", hours).out
    assert hours in run("stream", "list").out
    assert run("stream", "add", "news", "--hours", "by day").status == USAGE
    assert "600/hour" in run("stream", "add", "news", "--rate", "600/hour").out
    assert next(row for row in run("stream", "list", "--json").rows if row["name"] == "news")["rate"] == "600/hour"
    assert run("stream", "add", "news", "--rate", "fast").status == USAGE


def test_suppressions_are_imported_and_exported(run: Run, tmp_path: Path) -> None:
    """CSV with or without a head is taken; lines that are no address are named; what is exported can be imported."""
    run("db", "upgrade")
    plain = tmp_path / "plain.txt"
    plain.write_text("ann@example.net\nBob@Example.net\nnot an address\n\n# a remark\n")
    said = run("suppress", "import", str(plain), "--json")
    assert (said.status, said.rows[0]) == (PARTLY, {"imported": 2, "wrong": 1, "known": 0, "over": 0})
    assert "line 3" in said.err
    exported = tmp_path / "exported.csv"
    exported.write_text(run("suppress", "export").out)
    assert run("suppress", "remove", "ann@example.net", "bob@example.net").status == DONE
    assert run("suppress", "list").status == NOTHING
    assert run("suppress", "import", str(exported)).status == DONE
    assert [row["recipient"] for row in run("suppress", "list", "--json").rows] == [
        "ann@example.net",
        "bob@example.net",
    ]
    (why,) = run("suppress", "why", "BOB@example.net", "--json").rows
    assert (why["origin"], why["cause"]) == ("configured", "imported")
    assert run("suppress", "remove", "ann@example.net", "nobody@example.net").status == PARTLY


def test_exported_cells_are_no_formulas(run: Run, tmp_path: Path) -> None:
    """A spreadsheet that opens the export computes nothing; an import reads it back as it was."""
    (tmp_path / "list.csv").write_text("email\n+1@example.net\n")
    run("db", "upgrade")
    run("suppress", "import", str(tmp_path / "list.csv"), "--why", "=cmd()")
    exported = run("suppress", "export").out
    assert "'+1@example.net" in exported
    assert "'=cmd()" in exported
    run("suppress", "remove", "+1@example.net")
    (tmp_path / "exported.csv").write_text(exported)
    run("suppress", "import", str(tmp_path / "exported.csv"))
    assert [(r["recipient"], r["cause"]) for r in run("suppress", "list", "--json").rows] == [
        ("+1@example.net", "=cmd()")
    ]


# ---- the database, the settings --------------------------------------------------------------------------------------------


def test_the_database_is_made_checked_and_measured(run: Run) -> None:
    """Upgrading twice is harmless; a fresh database is whole; its size is told."""
    assert [run("db", "upgrade", "--json").rows[0]["before"] for _ in range(2)] == [None, upgrade.HEAD]
    sent(run, "ann@example.net")
    assert run("db", "check", "--json").rows[0] == {"whole": True, "deliveries": 1, "faults": []}
    assert run("db", "size", "--json").rows[0]["tables"]["deliveries"]["rows"] == 1
    assert run("db", "prune").status == DONE


def test_rebuild_finds_and_mends_what_was_tampered_with(run: Run, tmp_path: Path) -> None:
    """A cached reading that the ledger does not bear out is found, and put right only when asked."""
    from pysqlite3 import dbapi2 as sqlite

    sent(run, "ann@example.net")
    assert run("db", "rebuild").status == DONE
    with sqlite.connect(tmp_path / "aftersend.db") as connection:
        connection.execute("UPDATE deliveries SET result = 90")
    connection.close()
    assert run("db", "rebuild").status == FAILED
    assert run("db", "check").status == FAILED
    assert run("db", "rebuild", "--write").status == DONE
    assert run("db", "rebuild").status == DONE


def test_settings_are_shown_without_secrets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed can be read over a shoulder."""
    monkeypatch.setenv("AFTERSEND_SECRET", "correct horse battery staple")
    monkeypatch.setenv("AFTERSEND_STORE_URL", "postgresql://me:hidden@db.example/aftersend")
    monkeypatch.setenv("AFTERSEND_DELIVERY_ROUTES", "*=smtps://user:hidden@relay.example:465")
    shown = run("config", "show")
    assert "horse" not in shown.out
    assert "hidden" not in shown.out
    assert "relay.example:465" in shown.out


@pytest.mark.parametrize(("name", "value"), [
    ("AFTERSEND_SMTP_MAX_SIZE", "huge"), ("AFTERSEND_SMTP_LISTEN", "nowhere"), ("AFTERSEND_DELIVERY_ROUTES", "*=ftp://relay.example"),
])  # fmt: skip
def test_wrong_settings_are_named(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A setting that cannot be used is an error in words."""
    monkeypatch.setenv(name, value)
    said = run("config", "check")
    assert (said.status, bool(said.err)) == (FAILED, True)


def test_unknown_settings_are_refused(run: Run, tmp_path: Path) -> None:
    """A misspelt setting in the file is found."""
    file = tmp_path / "aftersend.toml"
    file.write_text("[smtp]\nlissten = ['127.0.0.1:25']\n")
    assert run("config", "check", "--config", str(file)).status == FAILED
    file.write_text("[smtp]\nlisten = ['127.0.0.1:2526']\n")
    assert run("config", "check", "--config", str(file)).status == DONE


def test_every_setting_is_printed(run: Run) -> None:
    """`config docs` prints each setting with its variable."""
    rows = run("config", "docs", "--json").rows
    plain, page = run("config", "docs").out, run("config", "docs", "--markdown").out
    assert all(row["name"] in plain and row["variable"] in plain and f"`{row['name']}`" in page for row in rows)


def test_versions_are_told(run: Run) -> None:
    """Versions of what matters for a report of a fault; by the option that everybody tries first, only our own."""
    assert run("--version").out == f"aftersend {run('version', '--json').rows[0]['aftersend']}\n"
    assert {"aftersend", "schema", "python", "sqlite", "openssl", "system"} == set(run("version", "--json").rows[0])


def test_practice_addresses_say_where_they_lead(run: Run) -> None:
    """Every local part is listed with its behaviour and its words."""
    rows = run("practice", "addresses", "--json").rows
    assert {"delivery_results", "life_cycle", "email_activity", "bounces", "icons"} == set(rows[0]["words"])
    assert "unknown" in run("practice", "addresses", "unknown").out
    assert run("practice", "addresses", "no such thing").status == NOTHING


# ---- diagnosis -----------------------------------------------------------------------------------------------------------


DSN = b"""From: MAILER-DAEMON@mx.example.net
To: shop@example.com
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

This is the mail system.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ann@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@example.net>: no such user here
--b--
"""


def test_files_are_diagnosed_in_order(run: Run, tmp_path: Path) -> None:
    """One object a line for each file; a file that cannot be read is told and does not stop the others."""
    file = tmp_path / "bounce.eml"
    file.write_bytes(DSN)
    said = run("diagnose", str(tmp_path / "none.eml"), str(file))
    assert (PARTLY, [str(tmp_path / "none.eml"), str(file)]) == (said.status, [row["id"] for row in said.rows])
    found = said.rows[1]
    assert tuple(found[name] for name in ("action", "category", "reason", "recipients")) == (
        "failed",
        "hard",
        "invalid_recipient",
        ["ann@example.net"],
    )
    wanted = {"recipient", "action", "category", "reason", "status", "who_must_act", "advice", "suppress", "evidence"}
    assert wanted <= set(found["per_recipient"][0])
    assert "ann@example.net" in run("diagnose", "--words", str(file)).out
    file.write_bytes(b"Subject: Hello\n\nHow are you?\n")
    assert "not_a_bounce" in run("diagnose", "--words", str(file)).out


def test_directories_and_mboxes_are_diagnosed_mail_by_mail(run: Run, tmp_path: Path) -> None:
    """Each mail of a maildir and of an mbox is answered under a name of its own; an empty directory is told."""
    (tmp_path / "mails" / "cur").mkdir(parents=True)
    (tmp_path / "mails" / "new").mkdir()
    (tmp_path / "mails" / "cur" / "1:2,S").write_bytes(DSN)
    box = tmp_path / "box"
    box.write_bytes(b"From a Thu\n" + DSN + b"\n\nFrom b Thu\n" + DSN)
    said = run("diagnose", str(tmp_path / "mails"), str(box))
    assert [str(tmp_path / "mails/cur/1:2,S"), f"{box}#1", f"{box}#2"] == [row["id"] for row in said.rows]
    assert {"invalid_recipient"} == {row["reason"] for row in said.rows}
    odd = os.fsencode(tmp_path / "mails" / "cur") + b"/caf\xe9"
    Path(os.fsdecode(odd)).write_bytes(DSN)
    assert [row["id"][-8:] for row in run("diagnose", os.fsdecode(odd)).rows] == ["/caf\\xe9"]
    empty = run("diagnose", str(tmp_path / "mails" / "new"))
    assert (empty.status, "no file" in empty.err) == (FAILED, True)


def test_replies_are_diagnosed_by_name(run: Run) -> None:
    """What a log quotes is asked for on the command line; in words it says who must act; without a question it says how to ask."""
    said = run("diagnose", "--reply", "550 5.1.1 No such user", "--reply", "452 4.2.2 Mailbox full")
    assert [row["reason"] for row in said.rows] == ["invalid_recipient", "mailbox_full"]
    assert [row["id"] for row in said.rows] == ["550 5.1.1 No such user", "452 4.2.2 Mailbox full"]
    told = run("diagnose", "--words", "--reply", "550 5.7.1 Your host 192.0.2.1 is listed").out
    assert "policy_blocked" in told
    assert "Who must act: " in told
    for asked in ((), ("--jsonl", "--reply", "550 No"), ("452 4.2.2 mailbox full",), ("--reply", " ")):
        assert "--reply" in run("diagnose", *asked).err


def test_replies_are_diagnosed_line_by_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--jsonl`, replies, diagnostics and files come on standard input; a bad line does not stop the others."""
    import io

    file = tmp_path / "bounce.eml"
    file.write_bytes(DSN)
    lines = [
        {"id": "1", "kind": "smtp", "text": "550 5.1.1 no such user"},
        {"id": "2", "kind": "diag", "text": "mailbox full"},
        {"id": "3", "kind": "eml", "path": str(file)},
        {"id": "4", "kind": "smtp"},
        {"id": "5", "kind": "telepathy", "text": "x"},
    ]
    text = b"\n".join(msgspec.json.encode(line) for line in lines) + b"\nnot json\n[]\n"
    text += b'{"id": "6", "kind": "smtp", "text": "550 5.1.1 utilisateur inconnu, d\xe9sol\xe9"}\n'
    text += b'{"id": "7", "kind": "smtp", "text": 550}\n{"id": "8", "text": "550 no"}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    said = run("diagnose", "--jsonl")
    assert (said.status, len(said.rows)) == (PARTLY, 10)
    assert [row["reason"] for row in said.rows[:3]] == ["invalid_recipient", "mailbox_full", "invalid_recipient"]
    assert ["error" in row for row in said.rows[3:]] == [True] * 4 + [False] + [True] * 2
    assert [" ".join(said.rows[place]["error"].split()[:5]).removesuffix(" name") for place in (3, 8, 9)] == [
        "line 4: text must be",
        "line 9: text must be",
        "line 10: path must",
    ]


def test_a_verb_on_many_is_audited(run: Run) -> None:
    """Who changed what, and how many that were."""
    run("db", "upgrade")
    sent(run, *(f"ann{i}@example.net" for i in range(3)))
    assert run("queue", "hold", "--domain", "example.net").status == DONE
    (line,) = [row for row in run("account", "audit", "--json").rows if row["did"] == "hold"]
    assert "example.net" in line["what"]
    assert "3 deliveries" in line["what"]


def test_messages_are_listed_and_planned_anew(run: Run) -> None:
    """Each message once; its time can be changed while it waits for it."""
    run("db", "upgrade")
    assert run("messages").status == NOTHING
    said = run(*HELLO, "--to", "ann@example.net", "--to", "bob@example.net", "--at", "+1", "--json")
    assert said.status == USAGE
    tomorrow = clock.iso(clock.now() + clock.DAY)
    message = run(*HELLO, "--to", "ann@example.net", "--to", "bob@example.net", "--at", tomorrow, "--json").rows[0][
        "id"
    ]
    sent(run, "carl@example.net")
    assert [row["id"] for row in run("messages", "--json").rows][1:] == [message]
    assert "Planned for" in run("messages", "--recipient", "ann@example.net").out
    assert run("messages", "--status", "delivered").status == USAGE
    assert run("queue", "reschedule", message, "2099-01-01T00:00:00Z").status == USAGE
    assert run("queue", "reschedule", message, "soon").status == USAGE
    assert run("queue", "reschedule", message, "now", "--why", "ready").status == DONE
    assert run("queue", "reschedule", message, tomorrow).status == FAILED
