"""The tables of people who use the console: users, sessions, saved searches."""

from __future__ import annotations
