"""The tables of broadcasts: contacts and their addresses, lists, consent, templates, broadcasts and what is said to each recipient."""

from __future__ import annotations
