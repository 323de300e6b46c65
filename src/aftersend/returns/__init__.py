"""Returns: everything that comes back after the message has left. Takes it in, finds whose it is, writes down what follows.

A mail is kept before it is answered for, read by `policy.diagnosis`, and applied once: what it says becomes an event whose
key follows from what it says, so that the same news a second time changes nothing.
"""

from aftersend.returns.loop import Returns
from aftersend.returns.server import ReturnsServer, Rules

__all__ = ["Returns", "ReturnsServer", "Rules"]
