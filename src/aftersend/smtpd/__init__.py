"""The SMTP face: submission. Translates the protocol, decides nothing that `intake` and `control` do not decide."""

from aftersend.smtpd.server import Submission, SubmissionServer

__all__ = ["Submission", "SubmissionServer"]
