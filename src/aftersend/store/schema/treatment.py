"""The tables of treatment: credits, moderation, sending plans, and what a person did to many deliveries at once."""

from __future__ import annotations
