"""Receiving servers that behave as the address says: for the demo, for integrators, for acceptance."""

from aftersend.practice.servers import World

__all__ = ["World"]
