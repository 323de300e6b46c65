"""Who opened and clicked: a person, a machine, or a proxy that fetches ahead.

Owns the rules and the tables of programs and networks. Knows nothing of how hits come in or are kept.
"""

from aftersend.policy.hits.hit import Hit, Label, Labels, Sequence, Verdict
from aftersend.policy.hits.label import RULES, label

__all__ = ["RULES", "Hit", "Label", "Labels", "Sequence", "Verdict", "label"]
