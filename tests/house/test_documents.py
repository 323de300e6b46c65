"""What is documented is there, and what is there is documented."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from aftersend import config
from aftersend.cli.verbs import aftersend

ROOT = Path(__file__).resolve().parents[2]


def _commands(command: click.Command, name: str, context: click.Context) -> list[tuple[str, click.Command]]:
    found = [(name, command)]
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            one = command.get_command(context, below)
            assert one is not None
            found += _commands(one, f"{name} {below}".strip(), context)
    return found


COMMANDS = dict(_commands(aftersend, "", click.Context(aftersend)))


def test_every_verb_says_what_it_does() -> None:
    """Each verb has a sentence of help, and each of its options too."""
    assert [name for name, command in COMMANDS.items() if not (command.help or "").strip()] == []
    plain = {"subject", "text", "kind"}
    silent = [
        (name, option.name)
        for name, command in COMMANDS.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help and option.name not in plain
    ]
    assert silent == []


def test_every_setting_says_what_it_means() -> None:
    """Each setting has its meaning in `aftersend config docs`."""
    assert [name for name, _, _, meaning in config.docs() if len(meaning) < 10] == []


def test_settings_stay_few() -> None:
    """A setting exists only if an operator knows the right value: sixty is the limit."""
    assert len(config.docs()) <= 60


@pytest.mark.parametrize(("page", "names"), [
    ("docs/settings.md", [name for name, *_ in config.docs()]),
    ("docs/cli.md", [f"aftersend {name}" for name, command in COMMANDS.items() if name and not isinstance(command, click.Group)]),
])  # fmt: skip
def test_pages_name_everything(page: str, names: list[str]) -> None:
    """The pages about settings and verbs leave none out."""
    text = (ROOT / page).read_text()
    assert [name for name in names if name not in text] == []


def test_examples_with_curl_say_what_they_send() -> None:
    """curl calls a body a form unless it is told otherwise, and a form is not taken: whoever copies an example must not fail."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    examples = [
        found for page in pages for found in re.findall(r"^ *curl(?:[^\n]*\\\n)*[^\n]*", page.read_text(), re.MULTILINE)
    ]
    sending = [example for example in examples if re.search(r" (-d|--data\S*) ", example)]
    assert len(sending) >= 2
    assert [example for example in sending if "content-type:" not in example.lower()] == []
