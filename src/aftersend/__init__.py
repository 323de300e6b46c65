"""Aftersend: a self-hosted email delivery service that tells the truth about every message."""

__version__ = "0.1.0"
