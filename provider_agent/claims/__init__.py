"""Claims: a provider demands its pay on the ledger for a job that nobody confirmed."""
