"""Commands of the ledger app."""
