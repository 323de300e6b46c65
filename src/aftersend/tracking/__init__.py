"""Tracking: what recipients did with a mail: hits taken in, told apart (a person, a machine, a proxy), and written to the ledger."""
