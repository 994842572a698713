"""The embedded ledger behind the port."""
