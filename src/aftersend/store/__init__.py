"""All SQL, one path for SQLite and PostgreSQL. Functions, connection first; `Store` runs them for the loops."""

from aftersend.store.engine import Engine
from aftersend.store.writer import Store

__all__ = ["Engine", "Store"]
