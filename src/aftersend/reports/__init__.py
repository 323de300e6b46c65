"""Answer questions: the email log, one delivery whole, what was counted. Composes queries of the store with readings of the
ledger; changes nothing.
"""
