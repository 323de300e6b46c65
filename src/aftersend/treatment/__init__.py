"""Treatment: everything between "received" and "treated". Claims what is due, asks the gates, writes their answer down."""

from aftersend.treatment.examining import Examiner
from aftersend.treatment.faults import Faults
from aftersend.treatment.gathering import Rules, Tools
from aftersend.treatment.loop import treat_due
from aftersend.treatment.overdue import end_overdue
from aftersend.treatment.renewal import renew_plans

__all__ = ["Examiner", "Faults", "Rules", "Tools", "end_overdue", "renew_plans", "treat_due"]
