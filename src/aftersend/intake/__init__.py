"""Intake: from what a client handed in to what is written down. Decides what is taken; refuses with a named remedy."""

from aftersend.intake.accept import Intake, Origin, Recipient, Request

__all__ = ["Intake", "Origin", "Recipient", "Request"]
