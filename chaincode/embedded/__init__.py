"""The embedded ledger: SQLite, blocks chained by hash, one writer."""
