"""The tables of tracking: single hits and what was read out of them."""

from __future__ import annotations
