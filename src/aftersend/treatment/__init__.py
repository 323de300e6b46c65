"""Treatment: everything between "received" and "treated". Claims what is due, asks the gates, writes their answer down."""

from aftersend.treatment.loop import treat_due
from aftersend.treatment.overdue import end_overdue

__all__ = ["end_overdue", "treat_due"]
