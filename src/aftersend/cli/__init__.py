"""Verbs for people: one module a subject, imported when one of its verbs is used."""

from aftersend.cli.verbs import run

__all__ = ["run"]
