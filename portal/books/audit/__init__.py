"""Books, ledger and read model compared."""
