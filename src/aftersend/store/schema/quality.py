"""The tables of the quality score: reports before sending, results afterwards, what is known of domains."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, small, table, words

broadcast_scores = table(
    "broadcast_scores",
    integer("account_id"),
    integer("broadcast_id"),
    small("score"),
    small("message_score"),
    small("list_score"),
    integer("mailed"),
    integer("expected_milli"),
    words("told", nullable=False),
    integer("made_us"),
    integer("learned_us", nullable=True),
    PrimaryKeyConstraint("account_id", "broadcast_id"),
    clustered=True,
)
"""What was forecast of a broadcast before it was started. `expected_milli` are thousandths of hard bounces, `told` is the
report (JSON), `learned_us` when its outcomes went into `score_outcomes`."""

score_days = table(
    "score_days",
    integer("account_id"),
    words("domain", nullable=False),
    integer("day_us"),
    words("numbers", nullable=False),
    integer("made_us"),
    PrimaryKeyConstraint("account_id", "domain", "day_us"),
    clustered=True,
)
"""What became of the mail of a sending domain that was taken in on a day, as it was counted at `made_us`; JSON."""

score_outcomes = table(
    "score_outcomes",
    integer("account_id"),
    words("signal", nullable=False),
    integer("mailed"),
    integer("bounced"),
    PrimaryKeyConstraint("account_id", "signal"),
    clustered=True,
)
"""How often mail bounced for good where a signal held: it moves the probabilities of the forecast."""
