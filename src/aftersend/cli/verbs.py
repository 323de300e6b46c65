"""Own the list of verbs, and what is common to all: errors in plain words, and what an exit status means.

Knows each verb's module by name only, so that `aftersend --help` imports none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from aftersend import __version__
from aftersend.errors import AftersendError, BadField, BadFields, NotFound

DONE, FAILED, USAGE, NOTHING, PARTLY = 0, 1, 2, 3, 4
"""Exit statuses: done; it failed; it was asked wrongly; nothing matched; done in part."""

_VERBS = {
    "serve": ("serve", "Run the service."),
    "demo": ("demo", "Show every outcome in the practice world, then exit."),
    "practice": ("practice", "Addresses for everything that can happen to a mail."),
    "send": ("send", "Submit a message; --wait follows it to its end."),
    "log": ("log", "Search the email log."),
    "messages": ("messages", "List messages, each once however many recipients it has."),
    "show": ("show", "One delivery's whole history in plain words."),
    "results": ("results", "Count what has become of the mail, or of one broadcast, in all five vocabularies."),
    "attention": ("attention", "What needs somebody now, worst first."),
    "bounces": ("bounces", "What came back: one by one, or counted by reason, provider, domain or day."),
    "refusals": ("refusals", "Submissions that got an error reply."),
    "events": ("events", "What happens to the mail, as it happens, for people and programs."),
    "queue": ("queue", "What waits: look, hold, release, retry, cancel, reschedule."),
    "webhook": ("webhook", "Tell other systems what happens: make, test, pause, replay."),
    "suppress": ("suppress", "Addresses that are not mailed."),
    "returns": ("returns", "What came back: read a directory of it, see what nobody understood, teach."),
    "contact": ("contact", "People and their addresses: import, export, look, remove."),
    "list": ("contact", "Lists that people stand on."),
    "credits": ("credits", "What an account may send: top up, plans, the ledger."),
    "template": ("template", "Saved templates: save, look, preview."),
    "broadcast": ("broadcast", "Send to many: draft, test, start, pause, resume, cancel."),
    "moderation": ("moderation", "Mail that a person has to look at first: list, accept, quarantine."),
    "domain": ("domain", "Sending domains: keys, DNS records, check."),
    "key": ("key", "API keys, which are SMTP passwords too."),
    "stream": ("stream", "Kinds of mail with rules of their own."),
    "user": ("user", "People who use the console: add, list, roles, new links."),
    "throttle": ("throttle", "How fast mail goes out: of an account, to a domain or a site, from an address."),
    "account": ("account", "Accounts of this installation."),
    "db": ("db", "The database: upgrade, check, rebuild, prune, size."),
    "config": ("config", "The settings: show, check, docs."),
    "doctor": ("doctor", "What is wrong with this installation, and how to mend it."),
    "diagnose": ("diagnose", "Say what bounces and SMTP replies mean."),
    "score": ("score", "How good a message is before it is sent, and what to mend."),
    "tracking": ("tracking", "Opens and clicks: visits, links, how much is tracked."),
    "reading": ("tracking", "How mail was read: by people, proxies and machines."),
    "hits": ("hits", "Say whether people or machines opened and clicked."),
    "version": ("version", "Versions of Aftersend and of what it stands on."),
}
"""Each verb with the module that has it, under its own name, and one line of help."""
_NAMES = {"list": "list_"}
"""Verbs whose names are taken in Python."""


class _Verbs(click.Group):
    """Finds a verb when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(
            import_module(f"aftersend.cli.{_VERBS[cmd_name][0]}"), _NAMES.get(cmd_name, cmd_name)
        )
        command.short_help = command.short_help or _VERBS[cmd_name][1]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in _VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], _VERBS, n=1)
            hint = f" Did you mean “{close[0]}”?" if close else ""
            ctx.fail(f"There is no verb “{args[0]}”.{hint} See: aftersend --help")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 failed, 2 asked wrongly, 3 nothing matched, 4 done in part. "
    "Verbs work on the store of this machine; with AFTERSEND_URL and AFTERSEND_API_KEY set, over the HTTP API.",
)
@click.version_option(__version__, message="aftersend %(version)s")
def aftersend() -> None:
    """Aftersend: a self-hosted email delivery service that tells the truth about every message."""


class Ended(Exception):
    """A verb that has said all it has to say, and ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def run(arguments: Sequence[str]) -> int:
    """Run one verb; return the exit status. What the caller can mend is told in words, never as a traceback."""
    try:
        aftersend.main(list(arguments), prog_name="aftersend", standalone_mode=False)
    except Ended as ended:
        return ended.status
    except click.exceptions.Exit as leave:
        return int(leave.exit_code)
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        _complain(error.format_message())
        return FAILED
    except click.Abort:
        _complain("Stopped.")
        return 130
    except AftersendError as error:
        return _told(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain again when it closes the stream at the end.
        sys.stdout = None
        return DONE
    return DONE


def _told(error: AftersendError, *, as_json: bool) -> int:
    status = NOTHING if isinstance(error, NotFound) else USAGE if isinstance(error, BadField | BadFields) else FAILED
    fields = error.fields if isinstance(error, BadFields) else [error] if isinstance(error, BadField) else []
    if as_json:
        import msgspec

        told = {"error": error.code, "detail": error.detail}
        listed = [{"pointer": field.pointer, "code": field.code, "detail": field.detail} for field in fields]
        line = msgspec.json.encode({**told, "errors": listed} if listed else told)
        click.echo(line.decode(), err=True)
        return status
    for field in fields:
        name = field.pointer.removeprefix("#/")
        _complain(f"{name}: {field.detail}" if name else field.detail)
    if not fields:
        _complain(error.detail)
    return status


def _complain(text: str) -> None:
    from aftersend.cli.printing import plain

    click.echo(f"aftersend: {plain(text)}", err=True)
