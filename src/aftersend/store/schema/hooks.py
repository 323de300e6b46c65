"""The tables of telling others: webhooks, their cursors and attempts."""

from __future__ import annotations
