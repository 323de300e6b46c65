"""Spam filters on this machine, behind one interface: what they say of a message, and how they are taught.

Owns the protocols of Rspamd (HTTP) and SpamAssassin (spamd). Both are optional; one that is not there, or does not answer
in time, is said (`Absent`) and never an error. Decides nothing: what an opinion means is policy's business.
"""

from aftersend.engines.opinion import Absent, Engine, Learned, Opinion, Symbol
from aftersend.engines.panel import Panel
from aftersend.engines.rspamd import Rspamd
from aftersend.engines.spamassassin import SpamAssassin

__all__ = ["Absent", "Engine", "Learned", "Opinion", "Panel", "Rspamd", "SpamAssassin", "Symbol"]
