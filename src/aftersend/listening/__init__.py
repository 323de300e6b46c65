"""What every SMTP port of ours has in common: sockets, limits on clients, TLS, silence, and a stop that loses nothing.

What is taken there, and what is said about it, is for the room that listens: `smtpd` for submissions, `returns` for what
comes back.
"""

from aftersend.listening.connection import Connection
from aftersend.listening.listener import Limits, Listener

__all__ = ["Connection", "Limits", "Listener"]
