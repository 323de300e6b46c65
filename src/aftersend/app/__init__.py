"""The whole wiring: which parts a node runs, and how they are tied together.

Loops meet only in the store. A node runs all parts, or those named by `only`; several nodes share one database.
"""

from aftersend.app.node import running
from aftersend.app.parts import return_place, suppression_rules
from aftersend.app.practice import practised
from aftersend.app.service import PARTS, Service
from aftersend.app.serving import loop_factory, run, serve

__all__ = [
    "PARTS",
    "Service",
    "loop_factory",
    "practised",
    "return_place",
    "run",
    "running",
    "serve",
    "suppression_rules",
]
