"""`aftersend hits`: who opened and clicked."""

from __future__ import annotations

import sys

import click

from aftersend.cli.printing import note
from aftersend.cli.verbs import FAILED, PARTLY, Ended


@click.group()
def hits() -> None:
    """Say whether people or machines opened and clicked."""


@hits.command("label")
def label_hits() -> None:
    """Read sequences from standard input, one JSON object a line, and print who made each hit, and why."""
    import msgspec

    from aftersend.policy.hits import RULES, Sequence, label

    class Asked(Sequence, frozen=True):
        id: str | int | None = None

    decoder, encoder = msgspec.json.Decoder(Asked), msgspec.json.Encoder()
    done = failed = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            asked = decoder.decode(line)
        except msgspec.DecodeError as error:
            note(f"aftersend: line {number}: {error}")
            failed += 1
            continue
        told = {"id": asked.id, **label(asked).to_json(), "rules": RULES}
        sys.stdout.buffer.write(encoder.encode(told) + b"\n")
        done += 1
    sys.stdout.buffer.flush()
    if failed:
        raise Ended(PARTLY if done else FAILED)
