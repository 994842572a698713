"""Commands of the ledger's process."""
