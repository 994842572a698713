"""The ledger's rules, written once for both ledgers, and the embedded ledger that runs them."""
