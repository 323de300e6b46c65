"""Own the name of the type that every function of the store takes first, for rooms that hand a connection on unopened."""

from __future__ import annotations

from sqlalchemy import Connection

__all__ = ["Connection"]
