"""Delivery: from "treated" to the recipient's server, and the truth about how it went."""

from aftersend.delivery.courier import Courier
from aftersend.delivery.names import Resolver
from aftersend.delivery.routes import Routes
from aftersend.delivery.rules import Rules
from aftersend.delivery.signing import Signer

__all__ = ["Courier", "Resolver", "Routes", "Rules", "Signer"]
