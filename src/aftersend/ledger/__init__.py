"""The ledger: facts, events, and the five vocabularies that read them. Pure: values in, values out."""
