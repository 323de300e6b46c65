"""The whole wiring: which parts a node runs, and how they are tied together.

Loops meet only in the store. A node runs all parts, or those named by `only`; several nodes share one database.
"""

from aftersend.app.node import running
from aftersend.app.parts import engines, return_place, scorer, suppression_rules
from aftersend.app.practice import practised
from aftersend.app.service import PARTS, Service
from aftersend.app.serving import loop_factory, run, serve

__all__ = [
    "PARTS",
    "Service",
    "engines",
    "loop_factory",
    "practised",
    "return_place",
    "run",
    "running",
    "scorer",
    "serve",
    "suppression_rules",
]
