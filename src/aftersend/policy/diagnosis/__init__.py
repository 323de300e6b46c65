"""Turn an SMTP reply or a returned mail into a Diagnosis.

Owns the tables of phrases, codes and notices. Knows nothing of retries: what to do about a diagnosis is suppression's
and retry's business.
"""

from aftersend.policy.diagnosis.findings import Action, Diagnosis, Suppress
from aftersend.policy.diagnosis.mail import Report, as_report, diagnose_mail, forget
from aftersend.policy.diagnosis.replies import diagnose_reply, diagnose_text, load_tables

__all__ = [
    "Action",
    "Diagnosis",
    "Report",
    "Suppress",
    "as_report",
    "diagnose_mail",
    "diagnose_reply",
    "diagnose_text",
    "forget",
    "load_tables",
]
