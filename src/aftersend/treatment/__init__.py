"""Treatment: everything between "received" and "treated". Claims what is due, asks the gates, writes their answer down."""

from aftersend.treatment.loop import treat_due

__all__ = ["treat_due"]
