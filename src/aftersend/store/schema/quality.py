"""The tables of the quality score: reports before sending, results afterwards, what is known of domains."""

from __future__ import annotations
