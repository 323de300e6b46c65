"""The tables of telling others: webhooks, their cursors and attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _integer(name: str, *, nullable: bool = False, default: int | None = None) -> sa.Column[int]:
    standing = None if default is None else sa.text(str(default))
    return sa.Column(name, sa.BigInteger(), nullable=nullable, server_default=standing)


def _small(name: str, *, nullable: bool = False, default: int | None = None) -> sa.Column[int]:
    standing = None if default is None else sa.text(str(default))
    return sa.Column(name, sa.SmallInteger(), nullable=nullable, server_default=standing)


def _words(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "feed",
        _integer("account_id"),
        _integer("position"),
        _integer("number"),
        _integer("at_us"),
        _bytes("happened"),
        sa.PrimaryKeyConstraint("account_id", "position", name="pk_feed"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feed_account_id_at_us", "feed", ["account_id", "at_us"])
    op.create_table(
        "marks",
        _words("name", nullable=False),
        _words("value", nullable=False),
        _integer("changed_us"),
        sa.PrimaryKeyConstraint("name", name="pk_marks"),
    )
    op.create_table(
        "hooks",
        _integer("account_id"),
        _integer("id"),
        _words("name", nullable=False),
        _words("url", nullable=False),
        _words("wanted", nullable=False),
        _small("batch", default=1),
        _words("owner"),
        _bytes("secret"),
        _bytes("former_secret", nullable=True),
        _integer("former_until_us", nullable=True),
        _words("state", nullable=False),
        _words("why"),
        _integer("position"),
        _integer("again_from", nullable=True),
        _integer("again_until", nullable=True),
        _integer("failures", default=0),
        _integer("failing_since_us", nullable=True),
        _integer("not_before_us", default=0),
        _integer("good_us", nullable=True),
        _small("holder", default=0),
        _integer("created_us"),
        _integer("changed_us"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_hooks"),
    )
    op.create_table(
        "hook_waiting",
        _integer("account_id"),
        _integer("hook_id"),
        _integer("sequence"),
        _integer("delivery_id"),
        _integer("key"),
        _words("recipient", nullable=False),
        _small("state"),
        _small("tries"),
        _integer("due_us"),
        _integer("changed_us"),
        _words("said"),
        sa.PrimaryKeyConstraint("account_id", "hook_id", "sequence", name="pk_hook_waiting"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hook_attempts",
        _integer("account_id"),
        _integer("hook_id"),
        _integer("id"),
        _words("outcome", nullable=False),
        _small("status", nullable=True),
        _integer("sequence"),
        _integer("last"),
        _small("number"),
        _words("types", nullable=False),
        _small("try_number"),
        _integer("at_us"),
        _integer("took_us"),
        _integer("sent_bytes"),
        _words("host", nullable=False),
        _words("answer"),
        _words("request"),
        sa.PrimaryKeyConstraint("account_id", "hook_id", "id", name="pk_hook_attempts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_hook_attempts_at_us", "hook_attempts", ["at_us"])
